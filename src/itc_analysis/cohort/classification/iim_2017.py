"""Idiopathic inflammatory myopathy, 2017 EULAR/ACR criteria, with and without a muscle biopsy.

Lundberg et al. 2017, doi:10.1136/annrheumdis-2017-211468. Points are ten times the published
weights. The columns follow the table in RMD Open; a copy in BMJ Best Practice swaps their headings.
"""

from __future__ import annotations

from dataclasses import replace

from itc_analysis.cohort.classification.engine import (
    Contribution,
    Criteria,
    Domain,
    Finding,
    Items,
    Result,
    Test,
    Truth,
    at_least,
    every,
    finding,
    judge,
    no,
    some,
    yes,
)

NAME = "iim_2017"
TITLE = "Idiopathic inflammatory myopathy, EULAR/ACR 2017"
SOURCE = "10.1136/annrheumdis-2017-211468"
SCALE = 10
ADULT_ONSET_YEARS, LATE_ONSET_YEARS = 18, 40
#: Item: points without and with biopsy.
WEIGHTS = {
    "iim_weak_upper_limbs": (7, 7),
    "iim_weak_lower_limbs": (8, 5),
    "iim_weak_neck_flexors": (19, 16),
    "iim_proximal_legs_weaker": (9, 12),
    "iim_heliotrope_rash": (31, 32),
    "iim_gottron_papules": (21, 27),
    "iim_gottron_sign": (33, 37),
    "iim_dysphagia": (7, 6),
    "iim_anti_jo1": (39, 38),
    "iim_enzymes": (13, 14),
}
LATE_ONSET, ADULT_ONSET = (21, 22), (13, 15)
BIOPSY_WEIGHTS = {
    "iim_biopsy_endomysial": 17,
    "iim_biopsy_perimysial": 12,
    "iim_biopsy_perifascicular": 19,
    "iim_biopsy_rimmed_vacuoles": 31,
}
RASH = ("iim_heliotrope_rash", "iim_gottron_papules", "iim_gottron_sign")
WEAKNESS = ("iim_weak_upper_limbs", "iim_weak_lower_limbs", "iim_weak_neck_flexors")
#: Lowest points of possible, probable and definite; probable classifies.
CATEGORIES = {False: (53, 55, 75), True: (65, 67, 87)}


def _criteria(*, with_biopsy: bool) -> Criteria:
    place = int(with_biopsy)
    onset = Domain(
        "age at onset",
        (
            Finding("40 years or more", LATE_ONSET[place], _onset_from(LATE_ONSET_YEARS)),
            Finding("18 to 39 years", ADULT_ONSET[place], _onset_from(ADULT_ONSET_YEARS)),
        ),
    )
    # Everything adds up: each finding is a domain of its own.
    rest = [
        Domain(_in_words(item), (finding(item, points[place], _in_words(item)),))
        for item, points in WEIGHTS.items()
    ]
    if with_biopsy:
        rest += [
            Domain(_in_words(item), (finding(item, points, _in_words(item)),))
            for item, points in BIOPSY_WEIGHTS.items()
        ]
    return Criteria(
        NAME, TITLE, SOURCE, (onset, *rest), cut_off=CATEGORIES[with_biopsy][1], scale=SCALE
    )


def _onset_from(years: int) -> Test:
    return at_least("iim_onset_age_years", years)


def _in_words(item: str) -> str:
    return item.removeprefix("iim_").replace("_", " ")


WITHOUT_BIOPSY = _criteria(with_biopsy=False)
WITH_BIOPSY = _criteria(with_biopsy=True)


def assess(items: Items) -> Result:
    """Judge one person by the table with biopsy when one was read, else by the one without.

    When it is not known whether a biopsy was read, both tables are applied: the range of the score
    spans both, and there is a verdict only where they agree.
    """
    stated = _biopsy_read(items)
    if stated is not None:
        result = _judge(items, with_biopsy=stated)
    else:
        result = _hull(_judge(items, with_biopsy=False), _judge(items, with_biopsy=True))
    rash = some(yes(item).answer(items) for item in RASH)
    subgroup = _subgroup(items, rash) if result.verdict == "fulfils" else None
    category = ", ".join(filter(None, [result.category, subgroup])) or None
    return replace(result, category=category, flags=(*result.flags, *_flags(items, result, rash)))


def _biopsy_read(items: Items) -> Truth:
    stated: Truth = items.get("iim_biopsy")
    has_result = any(items.get(item) is not None for item in BIOPSY_WEIGHTS)
    return True if stated is None and has_result else stated


def _judge(items: Items, *, with_biopsy: bool) -> Result:
    result = judge(WITH_BIOPSY if with_biopsy else WITHOUT_BIOPSY, items)
    low, high = (_category(score, with_biopsy=with_biopsy) for score in (result.low, result.high))
    return replace(result, category=low if low == high else None)


def _hull(without: Result, with_: Result) -> Result:
    """Join the two tables: their ranges, and domain by domain what each adds in either."""
    ours = {part.domain: part for part in without.contributions}
    theirs = {part.domain: part for part in with_.contributions}
    parts = tuple(
        _wider(ours.get(name) or Contribution(name, "", 0, 0), theirs[name]) for name in theirs
    )
    agree = without.verdict == with_.verdict
    return replace(
        without,
        verdict=without.verdict if agree else "not_assessable",
        low=min(without.low or 0, with_.low or 0),
        high=max(without.high or 0, with_.high or 0),
        contributions=parts,
        category=without.category if without.category == with_.category else None,
        missing=("iim_biopsy", *without.missing),
        flags=("not stated whether a muscle biopsy was read: both tables applied",),
    )


def _wider(one: Contribution, other: Contribution) -> Contribution:
    return replace(one, low=min(one.low, other.low), high=max(one.high, other.high))


def _category(score: int | None, *, with_biopsy: bool) -> str:
    possible, probable, definite = CATEGORIES[with_biopsy]
    points = score or 0
    if points >= definite:
        return "definite"
    if points >= probable:
        return "probable"
    return "possible" if points >= possible else "not IIM"


def _flags(items: Items, result: Result, rash: Truth) -> list[str]:
    flags = []
    if items.get("iim_biopsy") is False and any(items.get(item) for item in BIOPSY_WEIGHTS):
        flags.append("biopsy findings are stated, but no biopsy was read: they do not count")
    if result.verdict == "fulfils" and rash is False and not _biopsy_read(items):
        flags.append("no rash and no biopsy: without a typical rash a muscle biopsy is needed")
    return flags


def _subgroup(items: Items, rash: Truth) -> str | None:
    """Return the subgroup of an adult by the tree of the criteria; None while items are open."""
    onset = items.get("iim_onset_age_years")
    if rash is None or onset is None:
        return None
    if onset < ADULT_ONSET_YEARS:
        return "juvenile dermatomyositis" if rash else "juvenile polymyositis"
    if rash:
        weak = some(yes(item).answer(items) for item in WEAKNESS)
        if weak is None:
            return None
        return "dermatomyositis" if weak else "amyopathic dermatomyositis"
    inclusion_body = some(
        [
            every(
                [
                    yes("iim_weak_finger_flexors").answer(items),
                    no("iim_responds_to_treatment").answer(items),
                ]
            ),
            yes("iim_biopsy_rimmed_vacuoles").answer(items),
        ]
    )
    if inclusion_body is None:
        return None
    return "inclusion body myositis" if inclusion_body else "polymyositis"
