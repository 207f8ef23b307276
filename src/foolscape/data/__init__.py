"""Data sets: one file each, handing out `Sample` or `DetectionSample`; `load` opens them by a spec."""
