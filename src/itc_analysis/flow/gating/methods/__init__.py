"""Gating methods, one file each: `fit` learns a gate, `card` describes it."""
