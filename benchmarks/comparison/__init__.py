"""Foolscape beside other libraries: one network, the same images, the same number of gradients, the same score."""
