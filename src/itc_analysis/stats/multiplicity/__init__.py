"""Several hypotheses at once: families, gatekeeping, simultaneous intervals."""
