"""napari without Qt: a session mirrored in a viewer's layers."""
