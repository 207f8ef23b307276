"""How the data and the models of each task are opened and checked against each other."""
