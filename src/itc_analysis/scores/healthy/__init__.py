"""The healthy people that a score is read against, and a person's true share."""
