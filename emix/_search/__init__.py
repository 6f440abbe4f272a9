"""The search over numbers of components and covariance structures: cells, their fits, a table.

It knows estimators by what ``protocols.Mixture`` says, and no face. ``course.py`` is the place to
begin reading.
"""
