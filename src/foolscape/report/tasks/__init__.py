"""How each task shows its samples."""
