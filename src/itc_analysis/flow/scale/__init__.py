"""Scales on which cells are gated: logicle, asinh and linear."""
