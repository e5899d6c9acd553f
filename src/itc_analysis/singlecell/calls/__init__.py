"""What each cell is: evidence of RNA and receptor, weighed together."""
