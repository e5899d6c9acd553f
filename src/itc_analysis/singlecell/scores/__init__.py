"""Scores of single cells."""
