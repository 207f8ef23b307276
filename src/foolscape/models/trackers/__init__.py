"""Video object segmentation networks as `Tracker`s."""
