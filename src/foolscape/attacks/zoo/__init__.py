"""The attacks, each after its paper."""
