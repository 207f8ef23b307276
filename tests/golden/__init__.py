"""Small runs of every kind, whose figures and pictures stay what they are while the code moves."""
