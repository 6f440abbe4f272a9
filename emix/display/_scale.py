"""What all pictures have in common: colours, and how fine and how far they are drawn."""

# Points to a side of curves and of contours.
N_GRID = 200
# Components of a slice may have no weight to speak of, and are not drawn then.
LEAST_WEIGHT = 1e-2
# Standard deviations from the means, where there are no rows to say how far a picture reaches.
REACH = 3.0


def color(component: int) -> str:
    return f"C{component % 10}"
