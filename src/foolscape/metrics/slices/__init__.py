"""Parts of the images, or of the objects in them, and whether a model does worse there: pure functions on arrays."""
