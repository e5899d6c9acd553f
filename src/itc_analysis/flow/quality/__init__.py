"""Which events of a tube can be trusted: margins, and steadiness over the time of acquisition."""
