"""What can be asked of a fitted mixture."""
