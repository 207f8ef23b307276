"""How each task is scored: a module per task, named like it."""
