"""French puts a space before a colon and a semicolon; code that joins parts puts none."""

from __future__ import annotations

import re

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
#: Parts of a page that are no text of it: tags, and what programs read.
NO_TEXT = re.compile(
    r"(<script\b.*?</script>|<style\b.*?</style>|<code\b.*?</code>|<[^>]*>)", re.DOTALL
)
#: The end of a character reference, which is no semicolon; or a mark that ends a word.
MARK = re.compile(r"&#?\w+;|(?<!\s)[ \u202f]?([;:])(?=\s|$)")
OPENING = re.compile(r"<(\w+)\b[^>]*\blang=\"en\"")


def spaced(page: str) -> str:
    """Return the HTML of a French page with a no-break space before every colon and semicolon that
    ends a word of its text; what is marked as English keeps its own.
    """
    told = []
    english, depth = "", 0
    for number, part in enumerate(NO_TEXT.split(page)):
        if number % 2:
            if depth:
                depth += _opened(part, english)
            elif found := OPENING.match(part):
                # the page itself may be opened by such a tag only when it is English
                english, depth = found[1], 1
            told.append(part)
        else:
            told.append(part if depth else MARK.sub(_with_space, part))
    return "".join(told)


def _opened(tag: str, name: str) -> int:
    """Return 1 for a tag that opens an element of this name, -1 for its end, 0 for any other."""
    if re.match(rf"</{name}\b", tag):
        return -1
    return int(bool(re.match(rf"<{name}\b", tag)) and not tag.endswith("/>"))


def _with_space(found: re.Match[str]) -> str:
    return found[0] if found[1] is None else NO_BREAK_SPACE + found[1]
