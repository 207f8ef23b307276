"""What a user asked for, checked before anything is loaded."""
