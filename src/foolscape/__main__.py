"""`python -m foolscape`."""

from foolscape.cli import main

main()
