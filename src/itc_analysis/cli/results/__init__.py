"""Verbs that show results, check that all is as it was, and keep a release of a study."""
