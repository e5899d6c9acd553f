"""Verbs that show results: the report, where a number comes from, whether all is as it was."""
