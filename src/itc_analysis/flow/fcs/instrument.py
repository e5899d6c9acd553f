"""What a file tells about the cytometer that wrote it: MIFlowCyt asks for it, and nobody remembers
it later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from itc_analysis.flow.fcs.read import FcsFile

#: Keywords of one channel (the channel's number between P and the letter), by the words of the
#: table.
CHANNEL_KEYWORDS = {"voltage": "V", "wavelength_nm": "L", "filter": "F", "detector": "T"}


def describe_instrument(file: FcsFile, columns: Mapping[str, int]) -> dict[str, str]:
    """Return the columns `cytometer` and `detectors` of `TubeQuality`; what the file does not say
    is left out.

    Parameters
    ----------
    file : FcsFile
        the FCS file.
    columns : mapping of str to int
        the file's row of each marker.
    """
    told = {}
    cytometer = file.keywords.get("CYT", "").strip()
    if cytometer:
        told["cytometer"] = cytometer
    detectors = {}
    for marker, column in columns.items():
        own = {
            word: file.keywords.get(f"P{column + 1}{letter}", "").strip()
            for word, letter in CHANNEL_KEYWORDS.items()
        }
        detectors[marker] = {word: value for word, value in own.items() if value}
    if any(detectors.values()):
        told["detectors"] = json.dumps(detectors, ensure_ascii=False, sort_keys=True)
    return told
