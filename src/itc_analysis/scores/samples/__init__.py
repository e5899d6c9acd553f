"""What each sample offers a score: features by tube and library."""
