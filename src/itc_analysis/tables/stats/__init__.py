"""Contracts of the statistics room."""
