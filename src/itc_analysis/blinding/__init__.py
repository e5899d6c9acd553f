"""Blinded tables: gates, quality and pooled numbers in which nobody's group can be told."""
