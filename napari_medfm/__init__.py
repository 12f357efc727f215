"""Label medical images with foundation models."""
