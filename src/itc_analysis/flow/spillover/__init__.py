"""Compensation: matrices of files, of the study and of single stains, and what spill is left."""
