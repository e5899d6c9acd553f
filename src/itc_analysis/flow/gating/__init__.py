"""Gating: learn cuts with their uncertainty, and evaluate them."""
