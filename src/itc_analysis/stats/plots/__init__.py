"""Pictures of answers: every participant a point, every comparison an interval."""
