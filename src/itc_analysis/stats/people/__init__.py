"""From measurements to one row per participant: responses, designs, imputation."""
