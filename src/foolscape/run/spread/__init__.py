"""A run whose images are measured by workers: what they do, and how what they answer comes into the run's directory."""
