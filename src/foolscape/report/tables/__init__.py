"""Tables and sentences, from `summary.json` alone."""
