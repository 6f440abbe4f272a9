"""The plain map, under the name that it had."""

from .quasi_newton import Plain as Plain
