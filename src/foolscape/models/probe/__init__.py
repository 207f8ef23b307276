"""What images a network takes, found out by trying."""
