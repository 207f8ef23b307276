"""Label maps in files: what their pixels mean, which image each belongs to, and the data sets that are such pairs."""
