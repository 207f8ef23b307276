"""The networks of SEA's table (Croce, Singh and Hein, ECCV 2024), by the names of their published weights."""
