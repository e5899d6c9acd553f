"""The questions that the plan asks: one module per table of answers."""
