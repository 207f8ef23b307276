"""How the objects of each task are counted one by one: a module per task that has any, named like it."""
