"""What instruments make of cells: tubes, FCS files, single-cell libraries."""
