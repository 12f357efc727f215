"""Few-shot heads: one file, one estimator."""
