"""Verbs that look at a run's results: where a number comes from, and whether all is as it was."""
