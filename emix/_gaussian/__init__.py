"""The estimators of mixtures of normals."""
