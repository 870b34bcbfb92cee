"""Implementation of `dev.py`. Standard library only, because it runs before anything is installed."""
