"""Function: the response of stimulated cells, from counts of two tubes of one person."""
