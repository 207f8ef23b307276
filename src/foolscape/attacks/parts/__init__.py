"""What attacks are made of: objectives, updates, constraints, targets, goals, transforms."""
