"""What is asked of plan, panels and templates together, before anything runs."""
