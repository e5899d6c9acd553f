"""Sheets that people write: text, cells, columns, and what must not stand in them."""
