"""Methods text, collected from what made the files that this page shows, with its references."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup, escape

from itc_analysis.config.sections import Section as SettingsSection
from itc_analysis.report.html import words
from itc_analysis.report.html.bibliography import REFERENCES
from itc_analysis.report.html.blocks import (
    Block,
    Bullets,
    Details,
    Heading,
    PageSection,
    Paragraph,
    Table,
)
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase

DOI_RESOLVER = "https://doi.org/"


def section(material: Material) -> PageSection:
    """Return the methods, the references, versions, inputs and settings."""
    entries = [entry for entry in material.provenance if entry.get("methods")]
    keys = citation_order(entries)
    blocks: list[Block] = []
    if entries:
        blocks.append(
            Paragraph(
                phrase(
                    "Collected from the files shown on this page; it may be copied into a paper "
                    "as it is."
                )
            )
        )
        blocks += methods_text(entries, keys)
    else:
        blocks.append(Paragraph(phrase("None of the files shown says how it was made.")))
    if keys:
        blocks += [Heading(phrase("References")), references(keys)]
    blocks += [
        Heading(phrase("Software")),
        versions(material.provenance),
        Details(phrase("Input files and their SHA-256"), [inputs(material.provenance)]),
        Details(phrase("Settings of this run"), [settings_table(material)]),
    ]
    return PageSection("methods", phrase("Methods"), blocks)


def citation_order(entries: Iterable[dict[str, Any]]) -> list[str]:
    """Return the cited keys in the order in which the text cites them."""
    return list(dict.fromkeys(key for entry in entries for key in entry.get("citations", [])))


def sentences(entries: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the distinct methods sentences in order, each with the keys that it cites."""
    cited: dict[str, list[str]] = {}
    for entry in entries:
        known = cited.setdefault(entry["methods"].strip(), [])
        known += [key for key in entry.get("citations", []) if key not in known]
    return cited


def methods_text(entries: list[dict[str, Any]], keys: list[str]) -> list[Block]:
    """Return one paragraph per distinct methods sentence, with the numbers of its references."""
    blocks: list[Block] = []
    for text, own in sentences(entries).items():
        numbers = sorted(keys.index(key) + 1 for key in own)
        links = Markup(", ").join(
            Markup('<a href="#reference-{0}">{0}</a>').format(number) for number in numbers
        )
        mark = Markup(" [{}]").format(links) if numbers else Markup("")
        blocks.append(Paragraph(escape(words.plain(text)) + mark))
    return blocks


def references(keys: list[str]) -> Bullets:
    """Return the cited works, numbered; a key without an entry is shown as such."""
    items = []
    for number, key in enumerate(keys, start=1):
        entry = REFERENCES.get(key)
        if entry is None:
            text = escape(phrase("{0} (no entry in the bibliography of this version)", key))
        else:
            text = Markup('<span lang="en">{}</span>').format(entry.text)
            if entry.doi:
                text += Markup(' <a href="{}{}">doi:{}</a>').format(
                    DOI_RESOLVER, entry.doi, entry.doi
                )
        items.append(Markup('<span id="reference-{0}">[{0}]</span> {1}').format(number, text))
    return Bullets(items, has_marks=False)


def versions(provenance: Iterable[dict[str, Any]]) -> Table:
    """Return program versions and the steps that used them."""
    used: dict[tuple[str, str], set[str]] = {}
    for entry in provenance:
        step = str(entry.get("step", ""))
        if "itc_analysis" in entry:
            used.setdefault(("itc_analysis", entry["itc_analysis"]), set()).add(step)
        for name, version in entry.get("packages", {}).items():
            used.setdefault((name, version), set()).add(step)
    body = [
        [name, version, words.listed(sorted(steps))]
        for (name, version), steps in sorted(used.items())
    ]
    return Table(
        phrase(
            "Versions that made the files shown. Two versions of one program mean that "
            "part of the results is older."
        ),
        [phrase("Program"), phrase("Version"), phrase("Used by")],
        body,
    )


def inputs(provenance: Iterable[dict[str, Any]]) -> Table:
    """Return the files each step read, by name and digest."""
    rows = sorted(
        {
            (str(entry.get("step", "")), str(name), str(digest))
            for entry in provenance
            for name, digest in entry.get("inputs", {}).items()
        }
    )
    return Table(
        phrase("Files read (first 16 characters of their SHA-256)."),
        [phrase("Step"), phrase("File"), phrase("SHA-256")],
        [list(row) for row in rows],
    )


def settings_table(material: Material) -> Table:
    """Return every setting with its value; those that differ from the default are marked."""
    body = []
    for name in type(material.settings).model_fields:
        part: SettingsSection = getattr(material.settings, name)
        for key, field in type(part).model_fields.items():
            value = getattr(part, key)
            default = field.get_default(call_default_factory=True)
            body.append(
                [
                    f"{name}.{key}",
                    _shown(value),
                    "" if value == default else phrase("default: {0}", _shown(default)),
                    words.plain(field.description or ""),
                ]
            )
    return Table(
        phrase("Settings; the third column is empty where the default was used."),
        [phrase("Setting"), phrase("Value"), phrase("Changed"), phrase("Meaning")],
        body,
    )


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_shown(value[key])}" for key in sorted(value)) or "none"
    if isinstance(value, (tuple, list)):
        return words.listed([str(item) for item in value]) or "none"
    return str(value)
