"""Zip and tar archives: each is a folder, whose files are fetched one by one."""
