"""The run directory: what is written, read back, and agreed with when a run goes on."""
