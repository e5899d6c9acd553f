"""Verbs of the way from tubes to gates: the jobs of the workflow, and looking at what they did."""
