"""Is a threshold without a control tube sure enough for the number that hangs on it?"""

from __future__ import annotations

#: A number is not given where a standard error of the threshold, up and down, changes it by more
#: than this; or by more than this part of itself, and by more than the least that is minded.
MOST_CHANGE, RELATIVE_CHANGE = 0.05, 0.3
#: The least of a share that is minded: such few negatives above the threshold are taken off it, and
#: what remains is in its interval.
LEAST_OF_SHARE = 0.02
#: The least of a response that is minded. In a difference of two tubes read at one threshold the
#: negatives cancel: what is left of a change is of the cells that responded, often few per cent.
LEAST_OF_RESPONSE = 0.01


def is_unsure(value: float, low: float, high: float, *, least: float) -> bool:
    """Return whether the threshold does not carry a share or a difference of shares.

    Parameters
    ----------
    value : float
        The number at the threshold.
    low, high : float
        The number at a threshold one standard error higher, and one lower.
    least : float
        `LEAST_OF_SHARE` or `LEAST_OF_RESPONSE`.
    """
    change = abs(high - low)
    return change > MOST_CHANGE or change > max(least, RELATIVE_CHANGE * abs(value))
