"""Words for a participant's subsets, with their probability."""
