"""Sections about the participants."""
