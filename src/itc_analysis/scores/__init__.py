"""Scores per sample and subset: exhaustion, activation, interferon, innateness.

A score is always read against healthy participants of the same study and the same subset, never
against the pooled cohort, and never from a single marker.
"""
