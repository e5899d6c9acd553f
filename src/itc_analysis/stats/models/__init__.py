"""Statistical models of arrays: they know neither sheets nor plans."""
