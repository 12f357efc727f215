"""Writers of masks: one file, one format."""
