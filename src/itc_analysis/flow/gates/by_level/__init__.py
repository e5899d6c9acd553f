"""Gates by level: negative, intermediate and bright, fitted to the tubes of a batch together."""
