"""Sections about tubes, gates and libraries."""
