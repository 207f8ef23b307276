"""One perturbation for all images."""
