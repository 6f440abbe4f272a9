"""How sure a fit is: standard errors, bootstraps, tests of the number of components."""
