"""Who was enrolled, who may be compared and why not; the sheets that people write, checked."""
