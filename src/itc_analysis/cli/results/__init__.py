"""Verbs that look at a run's results: where a number comes from, whether all is as it was, what a
study keeps.
"""
