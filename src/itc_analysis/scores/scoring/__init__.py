"""Scores of every sample, subset and signature, and the methods behind them."""
