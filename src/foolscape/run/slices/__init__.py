"""Slices of a run: what is known of its images, and how its models do on parts of them, from the run's files alone."""
