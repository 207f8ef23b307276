"""What attacks add for a task, such as the goal of one on a detector; a task that adds nothing has no module here."""
