"""Data sets of Hugging Face's `datasets`: rows with an image, and a label map or objects beside it."""
