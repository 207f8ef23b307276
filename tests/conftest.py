"""What all tests share."""

import os

# Two worker processes with one thread each are faster on two cores than two threads that wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
