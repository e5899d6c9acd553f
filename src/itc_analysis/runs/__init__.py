"""Runs of the workflow: whose run holds a study, and what a dead one left behind."""
