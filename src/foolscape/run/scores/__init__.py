"""What rows come to besides the scores of a task: sizes of the controls, smallest changes, several objectives."""
