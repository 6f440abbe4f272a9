"""The estimators of mixtures of other families, and what they share."""
