"""A complete Python package index that anyone can run."""

__version__ = "0.1.0"
