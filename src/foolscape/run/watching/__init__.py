"""What others may see of a command at work: its progress in files, and what these say of it."""
