"""Gates reviewed in the browser: pages with every gate, and what became of a review."""
