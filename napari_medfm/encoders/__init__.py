"""Image encoders: one file, one SPEC, one family."""
