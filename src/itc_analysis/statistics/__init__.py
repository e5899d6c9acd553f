"""Statistics that several rooms share: arrays in, arrays out, no table and no setting."""
