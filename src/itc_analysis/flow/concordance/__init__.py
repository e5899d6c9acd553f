"""Automatic gates against those of a person."""
