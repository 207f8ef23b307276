"""Workers on the nodes of a Ray cluster, an actor each."""
