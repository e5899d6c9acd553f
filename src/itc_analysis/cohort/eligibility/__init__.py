"""Who is eligible: the criteria of the trial record."""
