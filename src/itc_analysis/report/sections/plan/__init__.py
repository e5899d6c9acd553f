"""What was planned: estimands, the order of the tests, and the lock of the plan."""
