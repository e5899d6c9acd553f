"""Panels: which column of a file measures which marker."""
