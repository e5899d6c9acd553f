"""Who was enrolled, who is eligible and why not, in which group."""
