"""Data sets: one file each, all handing out `Sample`; `load.open_data` reads a spec."""
