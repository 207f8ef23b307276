"""The published tables: rows of figures with the commands that measure them, and where weights and data come from."""
