"""Whether a model can be attacked: its gradient, and that it gives the same answer twice."""
