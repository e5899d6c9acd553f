"""Contracts of the cohort: sheets that people write, and decisions on participants."""
