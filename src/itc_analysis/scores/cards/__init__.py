"""Signatures, and markers that may not be compared between subsets."""
