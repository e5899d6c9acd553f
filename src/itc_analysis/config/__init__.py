"""The settings: sections, how they are read and checked, and which step reads which."""
