"""Figures drawn as SVG by the report itself: every point is a person whom the page can name."""
