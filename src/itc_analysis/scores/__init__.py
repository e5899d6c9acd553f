"""Exhaustion and activation: cards and pure array functions."""
