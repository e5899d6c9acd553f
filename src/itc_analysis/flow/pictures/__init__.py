"""Gates as pictures, drawn from tables alone."""
