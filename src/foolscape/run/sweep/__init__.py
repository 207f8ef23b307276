"""Sweeps: a grid of runs, from one file."""
