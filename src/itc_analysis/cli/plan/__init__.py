"""Verbs around the analysis plan: locking it, and what was changed since."""
