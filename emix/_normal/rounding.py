"""What rounding leaves of variances and moments."""

# Variances below this, for features scaled to unit variance, are rounding.
FLOOR = 1e-15
# Eigenvalues of a dense covariance are rounding below this share of the data's largest one.
DENSE_FLOOR = 64 * 2.0**-52
# Moments about one origin lose about (sum_i P_ii^1/2 |mu_i|)² of the 1e16 that a float64 resolves,
# P the precisions of a component. Beyond this, residuals about each mean are used: errors of
# log_joint stay below 1e-9.
MOMENT_LIMIT = 1e6
