"""Verbs that make numbers of counts and cells, and compare them between groups."""
