"""What fits of all estimators have in common, from checks to publication."""
