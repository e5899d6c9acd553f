"""Final gates applied: counts with background and interval, marker levels, histograms."""
