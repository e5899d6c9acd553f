"""Where the DATA segment begins: HEADER and TEXT both say, and the number of events tells who is
right.
"""

from __future__ import annotations

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.text_segment import Header, truncated

#: Eight digits are the most that a HEADER holds; some programs write them where the offset has
#: nine.
_LARGEST_IN_HEADER = 99_999_999


def read_offset(keywords: dict[str, str], key: str, source: str) -> int:
    """Return an offset of TEXT; 0 where there is none, UnreadableFile where it is not a number."""
    text = keywords.get(key, "")
    if text and not text.isdecimal():
        what = f"offset ${key} is '{text}', which is not a number"
        raise UnreadableFile(source, [Fault("TEXT", what, "export the tube again")])
    return int(text or 0)


def locate_data(
    header: Header,
    keywords: dict[str, str],
    needed: int,
    size: int,
    source: str,
    remarks: list[str],
) -> int:
    """Return where the events begin: where HEADER or TEXT says, if $TOT and the file's size fit.

    Parameters
    ----------
    needed : int
        bytes of $TOT events.
    size : int
        bytes of the file, from the beginning of the data set.
    """
    if needed == 0:
        raise UnreadableFile(source, "the file holds no events; nothing was acquired or exported")
    # FCS 2.0 had no such keywords; files that carry them mean no more by it
    is_old = header.version == "FCS2.0"
    begin, end = (
        0
        if is_old and not keywords.get(key, "").isdecimal()
        else read_offset(keywords, key, source)
        for key in ("BEGINDATA", "ENDDATA")
    )
    text = (begin, end)
    names = ("HEADER", "TEXT") if is_old else ("TEXT", "HEADER")
    spans = {
        name: span for name in names if (span := {"HEADER": header.data, "TEXT": text}[name])[0]
    }
    fits = [name for name, span in spans.items() if _fits(span, needed, size)]
    # where an end is given it must fit as well, which says more than a beginning alone
    fits.sort(key=lambda name: not _has_end(spans[name]))
    known = [name for name in fits if _has_end(spans[name]) == _has_end(spans[fits[0]])]
    begins = {spans[name][0] for name in known}
    if not fits or (len(begins) > 1 and not is_old):
        raise _no_place_for_events(header, text, spans, needed, size, source)
    chosen = fits[0]
    begin, end = spans[chosen]
    others = [name for name in spans if name != chosen]
    if any(_disagree(spans[name], spans[chosen]) for name in others):
        remarks.append(
            f"HEADER says the events are at bytes {header.data[0]} to {header.data[1]}, TEXT says "
            f"{text[0]} to {text[1]}: read by {chosen}, which $TOT and the size of the file fit"
        )
    # Counting the byte after the last one is a widespread slip; the events are all there.
    if _has_end(spans[chosen]) and end - begin + 1 == needed + 1:
        remarks.append("the end of the data is given one byte too far, which does no harm")
    return begin


def _has_end(span: tuple[int, int]) -> bool:
    """Return whether the end of a segment is given: large files have 0, 99999999 or the beginning
    there.
    """
    return span[1] > span[0] and span[1] != _LARGEST_IN_HEADER


def _fits(span: tuple[int, int], needed: int, size: int) -> bool:
    begin, end = span
    if begin + needed > size:
        return False
    return not _has_end(span) or end - begin + 1 in (needed, needed + 1)


def _disagree(one: tuple[int, int], other: tuple[int, int]) -> bool:
    is_known = _has_end(one) and _has_end(other)
    return one[0] != other[0] or (is_known and abs(one[1] - other[1]) > 1)


def _no_place_for_events(
    header: Header,
    text: tuple[int, int],
    spans: dict[str, tuple[int, int]],
    needed: int,
    size: int,
    source: str,
) -> UnreadableFile:
    """Return the error for offsets that neither HEADER nor TEXT gives so that the events fit."""
    if not spans:
        what = "neither HEADER nor TEXT says where the events are"
        return UnreadableFile(source, [Fault("", what, "export the tube again")])
    if len(spans) > 1 and _disagree(header.data, text):
        if min(header.data[1], text[1]) > size:
            what = f"the events end at byte {text[1]}, the file has {size}"
            return truncated(source, "DATA", what)
        what = (
            f"HEADER says the events are at bytes {header.data[0]} to {header.data[1]}, "
            f"TEXT says {text[0]} to {text[1]}"
        )
        return UnreadableFile(source, [Fault("", what, "one is wrong; export the tube again")])
    begin, end = next(iter(spans.values()))
    if begin + needed > size:
        share = 100 * max(size - begin, 0) // needed  # never 100 % where some are missing
        what = f"the events need bytes {begin} to {begin + needed - 1}, the file has {size}"
        return truncated(source, "DATA", f"{what}: {share}% of the events are there")
    found = end - begin + 1
    what = f"$TOT and the widths of the channels need {needed} bytes, the segment has {found}"
    return UnreadableFile(source, [Fault("DATA", what, "export the tube again")])
