"""One endpoint of the plan: its model, its sensitivity analyses and its caveats."""
