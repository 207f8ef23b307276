"""Planted cases for the verdict: networks fed or read wrongly, attacks stopped early, and sound ones."""
