"""Contracts of the flow room."""
