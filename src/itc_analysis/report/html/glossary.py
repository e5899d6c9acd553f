"""The words that this page cannot do without, explained on the page itself: it travels without its
documentation.
"""

from __future__ import annotations

from markupsafe import Markup

from itc_analysis.report.html.blocks import PageSection, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.subject import INNATE, measured_populations
from itc_analysis.report.language.phrases import phrase

#: Word to its meaning; the sentences are those of docs/glossary.md (a test compares them).
TERMS: dict[str, str] = {
    "innate T cells (ITC)": (
        "T cells that answer within hours, by a semi-fixed receptor or by innate signals:"
        " MAIT, iNKT, γδ and innate CD8 T cells."
    ),
    "MAIT": (
        "Mucosal-associated invariant T cells, which see bacterial vitamin B2 metabolites"
        " on MR1; here CD3⁺, TCRγδ⁻, Vα7.2⁺ and CD161 bright."
    ),
    "iNKT": (
        "Invariant natural killer T cells, which see glycolipids on CD1d; here CD3⁺ 6B11⁺"
        " (or the CD1d tetramer). Not the same as CD3⁺CD56⁺ “NKT-like” cells, which are "
        "about fifty times as many."
    ),
    "γδ T (gd_t_cells)": (
        "T cells whose receptor is made of a γ and a δ chain; most in blood carry Vδ2."
    ),
    "innate CD8": (
        "αβ CD8⁺ T cells that carry Eomes together with KIR or NKG2A without having met an antigen."
    ),
    "event": (
        "What the cytometer records when something passes the laser: a cell, two cells, a"
        " bead, debris."
    ),
    "panel": ("The set of antibodies with their dyes and channels."),
    "batch": ("Tubes stained and acquired together."),
    "gate, cut": (
        "A region in marker space that defines a population; a cut is a gate with one number."
    ),
    "background": ("Events expected in a gate although the population is absent; subtracted."),
    "counting beads": (
        "A known number of beads in the tube; events per bead give cells per microlitre."
    ),
    "index group, reference": "The group asked about (SSc), and the one it is compared with.",
    "odds ratio": "Odds (share over one minus share) of one group over the other's; near the ratio "
    "of shares when these are small.",
    "ratio": "Geometric mean of one group over the other's.",
    "95 % interval": "Values that the data do not contradict at that level.",
    "p, adjusted p": "Probability of so large a difference if there were none; adjusted for the "
    "number of comparisons in its family.",
    "family": "Comparisons among which p is adjusted, named in the analysis plan before looking.",
    "primary, secondary, exploratory, post hoc": "What the study rests on; what supports it; "
    "what it explores; what the plan did not name.",
    "index-group-specific": "Different from every other group of the study, in one direction: each "
    "of these comparisons must show it, so their p are not adjusted.",
    "shared": "Different from healthy people, and equivalent to at least one disease.",
    "equivalent": "With confidence, the difference is within a margin that the analysis plan set "
    "before looking; this is more than “no difference shown”.",
    "inconclusive": "Neither specific nor shared is shown; no statement that the groups are alike.",
    "differential variability": "People of one group differ from one another more than those of "
    "the others do, whatever the level of the group.",
    "one participant left out": "The comparison repeated without each participant in turn: how "
    "far one person shifts it.",
    "core covariates": "The few covariates of the plan that any study of this kind would adjust "
    "for, such as age and sex.",
    "confounder": "Something that differs between the groups and changes the cells: age, sex, CMV.",
    "E-value": "How strongly something unknown would have to go with both group and cells (as a "
    "risk ratio) to explain the whole difference; 1 means that nothing is needed.",
    "tipping point": "How far those without a number would have to lie from the others of their "
    "group, in SDs, before the conclusion changes.",
    "second model": "The same question answered by another model with other assumptions.",
    "permutation, Freedman–Lane": (
        "p by reshuffling the residuals, as a check that needs fewer assumptions."
    ),
    "association": (
        "How a measure varies with a clinical variable within one group, e.g. MAIT cells with the "
        "skin score in SSc; it cannot say which comes first."
    ),
    "joint test, Hotelling’s T²": (
        "One test of all parts of a composition together, which knows that they vary together."
    ),
    "composition, part, reference part": (
        "One whole (the T cells) cut into parts that share no cell; each part is set against the "
        "reference part, because shares of one whole change together."
    ),
    "concordance correlation (CCC)": (
        "How closely two methods give the same number: 1 is the same in everybody, and differences "
        "in level count as well."
    ),
    "limits of agreement": (
        "Between them lie about 95 % of the differences between two methods (Bland and Altman)."
    ),
    "log2 fold change": (
        "Binary logarithm of the ratio of a gene's molecules in two groups: 1 is twice as much, -1 "
        "is half."
    ),
    "false discovery rate": "The share of wrong ones to be expected among the genes found.",
    "LoB, LoD, LoQ": "Limits of blank (what background alone does not exceed in 95 % of tubes), of "
    "detection (below it: not distinguishable from absent) and of quantification (from it: a "
    "number with acceptable error).",
    "censored": (
        "Known only to be at most a limit: neither zero nor nothing. So values enter below the "
        "limit of detection where no cells are known, in the sensitivity analysis and where two "
        "methods are compared; shares and counts of cells are compared by the cells counted."
    ),
    "gate state": (
        "How a cut came about: ok, pooled, borrowed, control, ambiguous, weak, manual or not "
        "estimable."
    ),
    "FMO": (
        "Fluorescence minus one: the panel without one antibody, which shows what negative looks "
        "like."
    ),
    "bridge control": (
        "The same material stained in every batch, to see drift; never a participant."
    ),
    "inhibitory-receptor-high": "Raised inhibitory receptors against healthy people, in the same "
    "population; “exhausted” also needs a lowered response.",
    "iMFI": "Integrated MFI: share of positive cells times their median signal, in instrument "
    "units; to be compared within one batch only.",
    "Cramér's V": "How far batch gives away group: 0 not at all, 1 entirely.",
    "standardised difference": "A difference in means (or shares) in standard deviations: below "
    "0.1 the groups are practically equal.",
    "not assessable": "An item is missing on which the verdict depends: neither fulfilled nor not.",
}
#: Words of populations, left out where none of these was measured.
_POPULATIONS: dict[str, tuple[str, ...]] = {
    "innate T cells (ITC)": INNATE,
    "MAIT": ("mait",),
    "iNKT": ("inkt",),
    "γδ T (gd_t_cells)": ("gd_t_cells",),
    "innate CD8": ("innate_cd8",),
}


def link(term: str, text: str = "") -> Markup:
    """Return a link to a word's explanation.

    Raises
    ------
    KeyError
        the word is not in the glossary.
    """
    return Markup('<a class="term" href="#{}">{}</a>').format(_address(term), text or phrase(term))


def section(material: Material) -> PageSection:
    """Return the words with their explanations, in the order of the page."""
    index = material.settings.cohort.index_group
    measured = measured_populations(material)
    body = [
        [
            Markup('<span id="{}">{}</span>').format(
                _address(term), phrase(term).replace("index-group", index)
            ),
            phrase(told).replace("(SSc)", f"({index})"),
        ]
        for term, told in TERMS.items()
        if not measured or term not in _POPULATIONS or set(_POPULATIONS[term]) & set(measured)
    ]
    caption = phrase("Further words are in the glossary of the program’s documentation.")
    return PageSection(
        "words",
        phrase("Words used on this page"),
        [Table(caption, [phrase("Word"), phrase("Means")], body)],
    )


def _address(term: str) -> str:
    if term not in TERMS:
        raise KeyError(term)
    return "word-" + "-".join("".join(c if c.isalnum() else " " for c in term).split())
