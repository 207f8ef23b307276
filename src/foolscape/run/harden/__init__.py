"""Hardening: adversarial training of a segmentation network, and what it is worth."""
