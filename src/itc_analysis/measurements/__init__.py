"""One number per sample, population and measure: the narrow table in the middle.

Counts are stored upstream; `share_interval` is the one function that makes a share of them.
"""

from itc_analysis.measurements.shares import share_interval

__all__ = ["share_interval"]
