"""The shards of a run become one: whether they belong together, what is copied, and how it goes on."""
