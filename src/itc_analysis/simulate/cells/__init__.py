"""Cells of each kind: markers, sizes, receptors, expression."""
