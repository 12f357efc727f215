"""Frozen values and protocols: what the program speaks of. NumPy only."""
