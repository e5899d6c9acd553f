"""One library: counts, quality, cells, innate T calls, pseudobulk."""
