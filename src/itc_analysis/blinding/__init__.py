"""Blinded tables: gates, quality and pooled numbers from which no group can be inferred."""
