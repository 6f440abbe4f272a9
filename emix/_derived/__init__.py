"""Estimators that fit mixtures and use them."""
