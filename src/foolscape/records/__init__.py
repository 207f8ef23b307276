"""The files of a run's directory as typed records: what is in them, where they lie, one reader and one writer."""
