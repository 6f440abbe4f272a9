"""The plain map, for those who look for it here."""

from .quasi_newton import Plain as Plain
