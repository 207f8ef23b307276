"""Scores as pure functions on arrays: count per image, total, divide; those of every task stand in `tasks`."""
