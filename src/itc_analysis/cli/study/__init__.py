"""Verbs that prepare a study: its sheets, panels, templates and files, before any run."""
