"""What the adapters of all tasks share."""
