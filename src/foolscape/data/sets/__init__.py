"""The data sets that foolscape reads: a module each, named like the scheme of its specs."""
