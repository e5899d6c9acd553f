"""How a cut of one tube is judged by its batch and its study, and which place it is given."""
