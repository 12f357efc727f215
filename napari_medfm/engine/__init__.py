"""Pure algorithms on arrays and frozen values."""
