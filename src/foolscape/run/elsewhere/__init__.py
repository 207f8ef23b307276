"""Run directories in stores: made and read in a folder of this machine, and carried to the store and back."""
