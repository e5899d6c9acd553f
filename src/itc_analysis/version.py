"""The version: one place, read by the build, the command line and provenance."""

__version__ = "0.1.0"
