"""`foolscape transfer`: the perturbations of every network on every network."""
