"""Segmentation networks as `Segmenter`s."""
