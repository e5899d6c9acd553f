"""Which barcodes are usable cells."""
