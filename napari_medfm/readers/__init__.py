"""Readers of images: one file, one format."""
