"""A tube ready for gating: from a row of the tube sheet to events with marker names."""
