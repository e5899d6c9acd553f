"""What a paper's methods section says about gating methods that only some templates use."""

from __future__ import annotations

from itc_analysis.flow.gating.methods.registry import REFERENCE
from itc_analysis.flow.gating.template import Template

#: Method → what was done, and the works that are cited; the usual methods stand in
#: `fit.METHODS_TEXT`.
FURTHER: dict[str, tuple[str, tuple[str, ...]]] = {
    "mixture": (
        "by fitting normal populations to the transformed values by expectation-maximisation, "
        "where one more population improved Schwarz's criterion by at least 10 and Ashman's D was "
        "at least 2, and cutting where an event belonged to either population with equal "
        "probability (in two markers: an ellipse)",
        ("lo2008", "schwarz1978", "kass1995", "ashman1994"),
    ),
    "density_contour": (
        "by the contour of the smoothed density of two markers that holds the template's share of "
        "a cluster",
        ("malek2015",),
    ),
    "quadrant": (
        "by one of four fields of two markers, the second cut learned among the events on the "
        "first one's side",
        ("finak2014",),
    ),
    REFERENCE: ("by the cut of another population on the same marker", ()),
}


def describe_further_methods(template: Template) -> tuple[str, tuple[str, ...]]:
    """Return a sentence per further method that a template uses, and the keys of the works they
    cite.

    Returns
    -------
    tuple of (str, tuple of str)
        An empty text and no keys for a template that uses none of them.
    """
    sentences: list[str] = []
    citations: list[str] = []
    for method, (done, cited) in FURTHER.items():
        gated = [p.name.replace("_", " ") for p in template.populations if p.method == method]
        if gated:
            verb = "was" if len(gated) == 1 else "were"
            sentences.append(f"In {template.panel}, {', '.join(gated)} {verb} gated {done}.")
            citations += cited
    return " ".join(sentences), tuple(dict.fromkeys(citations))
