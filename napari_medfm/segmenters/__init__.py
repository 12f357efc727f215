"""Promptable segmenters: one file, one SPEC, one family."""
