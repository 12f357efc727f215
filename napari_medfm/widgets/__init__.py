"""The window's own parts: the only place that knows Qt."""
