"""What each task knows of its own: loading, predicting, scoring."""
