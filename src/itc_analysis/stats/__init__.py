"""Comparison of measurements between groups."""
