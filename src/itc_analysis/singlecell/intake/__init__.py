"""From files to molecules per cell and gene, and to receptor chains per barcode."""
