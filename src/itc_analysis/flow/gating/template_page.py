"""docs/gating-template.md: what may stand in a gating template, from the classes and the methods'
cards.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any, get_args

from pydantic import BaseModel

from itc_analysis.flow.gating.blocks import shipped_blocks
from itc_analysis.flow.gating.fitted import Card
from itc_analysis.flow.gating.methods.registry import METHODS, arguments_of, types_of
from itc_analysis.flow.gating.template import Population, Positivity, Template

#: Methods that look at other populations instead of events, with their arguments.
_OTHERS = {
    "complement": "the events of the parent that are in none of the populations `of`",
    "boolean": (
        "the events of the parent that are in all of `all_of`, any of `any_of` and none of "
        "`none_of`"
    ),
    "reference": (
        "the cut of the population `of` on the same marker, for a parent too small to place one of "
        "its own; it follows where that cut is pooled, borrowed or drawn by hand"
    ),
}

_INTRODUCTION = """\
`config/gating/<panel>.yaml` lists the populations of a panel in the order in which they are gated. Each says its parent,
its markers and a method. Cuts are learned in every tube by itself, judged against the other tubes of its staining batch, and
only then applied; a template holds no number of a cut unless you write one (`method: fixed`).

```yaml
populations:
  - name: inkt
    parent: not_gd
    markers: [6B11]
    method: rare_positive
    control: 6B11        # tubes without 6B11 give the background, and the cut where nothing else does
    measured: true
```

A marker with more than two levels (CD161: negative, intermediate, bright) is cut where the highest begins with
`level: bright`. The levels are then fitted to all tubes of a batch together, so that a tube without bright cells never takes
the next lower peak for them, and what overlaps the cut is subtracted or added with its error.

A misspelt name stops the run with the name that was probably meant; all faults of a template are reported at once.

Values that were exported on a logicle, asinh or logarithmic scale are noticed and refused, because they would be transformed
twice. To gate them as they are, state the top of their scale: `transform: {fluorescence: {kind: linear, t: 8}}`; their matrix is then
not applied, and a tube in instrument units is refused instead.

Percentages of T cells and cells per microlitre are given for `t_cells` and what is gated in it; `itc check` says which
endpoints of the plan lie outside. Where the files hold T cells only, gated before export, `t_cells` is everything that lies
above a cut that no event is below:

```yaml
  - {name: t_cells, parent: all, markers: [FSC-A], side: above, method: fixed, arguments: {cut: -1}}
```

## Where a cut comes from

| state | the final cut is |
|---|---|
| `ok` | the tube's own: it shows where positives and negatives separate, or nothing could judge it |
| `pooled` | the tube's own, shrunk towards its batch because its error is large |
| `borrowed` | the batch's (or the study's, or that of the one or two tubes that know): the tube could not decide, or stood out |
| `control` | a high quantile of the tubes without the antibody |
| `ambiguous` | one of two places that are as likely; limits hold the count at both, and `n_rival` is the other one |
| `weak` | the end of the negatives' tail: no tube and no control shows where positives lie. Upper limits then include what the tail may hide |
| `manual` | drawn by a person, or given in the template |
| `not_estimable` | none; the population is not counted and says why |
"""  # noqa: E501


def template_page(generated: str) -> str:
    """Return the page.

    Parameters
    ----------
    generated : str
        the sentence that tells how the page was made.
    """
    lines = ["# Gating templates", "", f"<!-- {generated} -->", "", _INTRODUCTION.rstrip()]
    for title, model in (
        ("The template", Template),
        ("A population", Population),
        ("A functional marker (`positivity`)", Positivity),
    ):
        lines += ["", f"## {title}", "", *_fields(model)]
    lines += [
        "",
        "## Building blocks",
        "",
        "A block divides a population by markers, in every panel alike:",
        "",
        "```yaml",
        "blocks:",
        "  - {block: coreceptors, of: mait}     # mait_cd8, mait_dn, mait_cd4, mait_dp",
        "  - {block: naive_memory, of: innate_cd8}",
        "```",
        "",
        "Its parts are disjoint and make up the population, each measured under the name "
        "`<population>_<part>`: in the plan they are one",
        "composition. A cut that the template has on the marker serves; otherwise it is learned "
        "once, in T cells (the denominator) or",
        "in the population itself.",
        "",
        "| block | markers | parts | what it shows |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {', '.join(block.markers)} | "
            f"{', '.join(f'`{part}`' for part in block.parts) or 'none: marker positivity'} | "
            f"{_sentence(block.reads_as)} |"
            for name, block in shipped_blocks().items()
        ),
        "",
        "## Methods",
        "",
        "`z`, places and widths are in transformed units: 0 to 1 over the scale.",
    ]
    for card in METHODS.values():
        lines += ["", *_method(card)]
    for name, reads_as in _OTHERS.items():
        lines += ["", f"### `{name}`", "", f"{_sentence(reads_as)}"]
    return "\n".join(lines) + "\n"


def _fields(model: type[BaseModel]) -> list[str]:
    lines = ["| entry | default | what it means |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        default = (
            ""
            if field.is_required()
            else f"`{_plain(field.get_default(call_default_factory=True))}`"
        )
        lines.append(f"| `{name}` | {default} | {field.description} |")
    return lines


def _method(card: Card) -> list[str]:
    n = card.n_markers
    if n is None:
        markers = "one or more markers"
    else:
        numbers = (n,) if isinstance(n, int) else n
        markers = f"{' or '.join(map(str, numbers))} marker{'s' * (max(numbers) > 1)}"
    side = ", needs a side" if card.takes_side else ""
    source = f" ([doi:{card.source}](https://doi.org/{card.source}))" if card.source else ""
    lines = [f"### `{card.name}`", "", f"{_sentence(card.reads_as)} Takes {markers}{side}{source}."]
    arguments = arguments_of(card.name)
    if arguments:
        described = _described(card)
        lines += ["", "| argument | default | may be | what it means |", "|---|---|---|---|"]
        for name, parameter in arguments.items():
            is_required = parameter.default is inspect.Parameter.empty
            default = "" if is_required else f"`{_plain(parameter.default)}`"
            choices = get_args(types_of(card.name)[name])
            allowed = ", ".join(f"`{choice}`" for choice in choices) if choices else "a number"
            lines.append(f"| `{name}` | {default} | {allowed} | {described[name]} |")
    return lines


def _described(card: Card) -> dict[str, str]:
    """Return what the method's docstring says of each parameter."""
    text = inspect.getdoc(card.fit) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?:\n\n[A-Z]|\Z)", text, re.DOTALL | re.MULTILINE)
    # numpydoc: the type is on the line of the name, what it means is indented below
    entries = re.findall(
        r"^(\w+) : .*((?:\n .*)+)", section.group(1) if section else "", re.MULTILINE
    )
    return {name: _sentence(" ".join(meaning.split())) for name, meaning in entries}


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:].rstrip(".") + "."


def _plain(value: Any) -> str:
    if isinstance(value, BaseModel):
        return json.dumps(value.model_dump(mode="json", exclude_none=True), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)
