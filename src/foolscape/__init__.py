"""foolscape."""
