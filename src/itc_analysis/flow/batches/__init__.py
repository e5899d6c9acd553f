"""What is learned over a panel's batches: scales, alignment, and how the bridge control agrees."""
