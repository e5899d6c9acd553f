"""How a set of criteria is judged when some items are not assessed: a lowest and a highest score.

Items are three-valued (True, False, None for not assessed). The lowest score takes what is not
assessed as absent, the highest as present; a verdict needs both to agree. Points are integers, so
that sums at a cut-off are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Truth = bool | None
#: Values of a person by column; a column that is not there is not assessed.
Items = Mapping[str, Any]
Verdict = Literal["fulfils", "does_not_fulfil", "not_assessable"]


@dataclass(frozen=True)
class Test:
    """A question to the items.

    Parameters
    ----------
    items : tuple of str
        columns that it reads.
    answer : callable
        True, False, or None when the items do not tell.
    """

    items: tuple[str, ...]
    answer: Callable[[Items], Truth]


@dataclass(frozen=True)
class Finding:
    """What scores: its name, its points, and how the items tell that it is there."""

    name: str
    points: int
    test: Test


@dataclass(frozen=True)
class Domain:
    """Findings of which only the highest counts."""

    name: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Condition:
    """What must hold besides the score: entry and exclusion criteria.

    Parameters
    ----------
    test : Test
        holds when the criteria may be applied.
    when_not : str
        why they are not fulfilled, in words.
    """

    test: Test
    when_not: str


@dataclass(frozen=True)
class Criteria:
    """One set of criteria.

    Parameters
    ----------
    name : str
        as in tables, e.g. ``"sle_2019"``.
    title : str
        as in a report.
    source : str
        DOI of the publication.
    domains : tuple of Domain
        their scores add up.
    cut_off : int
        lowest score that fulfils.
    conditions : tuple of Condition
        all must hold.
    sufficient : Finding, optional
        fulfils by itself, whatever score and conditions; None when there is none.
    scale : int
        points per published point (10 where weights have a decimal).
    """

    name: str
    title: str
    source: str
    domains: tuple[Domain, ...]
    cut_off: int
    conditions: tuple[Condition, ...] = ()
    sufficient: Finding | None = None
    scale: int = 1

    @property
    def items(self) -> tuple[str, ...]:
        """Every column that is read, in the order of the table."""
        tests = [finding.test for domain in self.domains for finding in domain.findings]
        tests += [condition.test for condition in self.conditions]
        tests += [] if self.sufficient is None else [self.sufficient.test]
        return tuple(dict.fromkeys(item for test in tests for item in test.items))

    @property
    def highest(self) -> int:
        """The highest score there can be."""
        return sum(max(finding.points for finding in domain.findings) for domain in self.domains)


@dataclass(frozen=True)
class Contribution:
    """What one domain adds: between `low` and `high`, and the finding behind `low`."""

    domain: str
    finding: str
    low: int
    high: int


@dataclass(frozen=True)
class Result:
    """What a set of criteria says of one person.

    Parameters
    ----------
    low, high, cut_off : int or None
        in units of 1/`scale` point; None for criteria without a score.
    contributions : tuple of Contribution
        one per domain that adds or might add something.
    missing : tuple of str
        items not assessed that could still move score or verdict.
    category : str, optional
        a class within the criteria, e.g. definite; None when there is none or it is open.
    flags : tuple of str
        what a clinician should look at, in words.
    """

    criteria: str
    verdict: Verdict
    low: int | None
    high: int | None
    cut_off: int | None
    scale: int = 1
    contributions: tuple[Contribution, ...] = ()
    missing: tuple[str, ...] = ()
    category: str | None = None
    flags: tuple[str, ...] = ()


def judge(criteria: Criteria, items: Items) -> Result:
    """Apply one set of criteria to one person.

    Parameters
    ----------
    criteria : Criteria
        the scoring table.
    items : mapping of str to object
        values by column; None, or no such column, for not assessed.

    Returns
    -------
    Result
        `Result`. `fulfils` needs the lowest score at the cut-off and every condition known to hold;
        `does_not_fulfil` a highest score below it, or one condition known not to hold.
    """
    contributions = [_contribution(domain, items) for domain in criteria.domains]
    low = sum(part.low for part in contributions)
    high = sum(part.high for part in contributions)
    enough = True if low >= criteria.cut_off else False if high < criteria.cut_off else None
    held = [condition.test.answer(items) for condition in criteria.conditions]
    met = every([enough, *held])
    sufficient = None if criteria.sufficient is None else criteria.sufficient.test.answer(items)
    if criteria.sufficient is not None:
        met = some([met, sufficient])
    flags = [
        condition.when_not
        for condition, holds in zip(criteria.conditions, held, strict=True)
        if holds is False and not sufficient
    ]
    return Result(
        criteria=criteria.name,
        verdict=as_verdict(met),
        low=low,
        high=high,
        cut_off=criteria.cut_off,
        scale=criteria.scale,
        contributions=tuple(part for part in contributions if part.high > 0),
        missing=_missing(criteria, items, contributions, held, sufficient),
        category=criteria.sufficient.name if criteria.sufficient and sufficient else None,
        flags=tuple(flags),
    )


def as_verdict(met: Truth) -> Verdict:
    """Return the word for a three-valued answer."""
    if met is None:
        return "not_assessable"
    return "fulfils" if met else "does_not_fulfil"


def every(answers: Iterable[Truth]) -> Truth:
    """Return whether all are True: False as soon as one is, None when one is open."""
    answers = list(answers)
    return False if False in answers else None if None in answers else True


def some(answers: Iterable[Truth]) -> Truth:
    """Return whether any is True: None when none is but one is open."""
    answers = list(answers)
    return True if True in answers else None if None in answers else False


def yes(item: str) -> Test:
    """Ask whether a yes/no item is yes."""
    return Test((item,), lambda items: _truth(items.get(item)))


def no(item: str) -> Test:
    """Ask whether a yes/no item is no."""

    def answer(items: Items) -> Truth:
        value = _truth(items.get(item))
        return None if value is None else not value

    return Test((item,), answer)


def at_least(item: str, limit: float) -> Test:
    """Ask whether a number reaches a limit."""
    return _number(item, lambda value: value >= limit)


def more_than(item: str, limit: float) -> Test:
    """Ask whether a number exceeds a limit."""
    return _number(item, lambda value: value > limit)


def at_most(item: str, limit: float) -> Test:
    """Ask whether a number does not exceed a limit."""
    return _number(item, lambda value: value <= limit)


def any_of(*tests: Test) -> Test:
    """Ask whether at least one test holds."""
    return Test(_items_of(tests), lambda items: some(test.answer(items) for test in tests))


def all_of(*tests: Test) -> Test:
    """Ask whether every test holds."""
    return Test(_items_of(tests), lambda items: every(test.answer(items) for test in tests))


def any_assessed(*item_names: str) -> Test:
    """Ask whether at least one item has been assessed; open as long as none has."""

    def answer(items: Items) -> Truth:
        return True if any(items.get(name) is not None for name in item_names) else None

    return Test(item_names, answer)


def finding(item: str, points: int, name: str | None = None) -> Finding:
    """Return the finding that a yes/no item states."""
    return Finding(name or item, points, yes(item))


def _contribution(domain: Domain, items: Items) -> Contribution:
    low, high, source = 0, 0, ""
    for candidate in domain.findings:
        answer = candidate.test.answer(items)
        if answer is not False:
            high = max(high, candidate.points)
        if answer and candidate.points > low:
            low, source = candidate.points, candidate.name
    return Contribution(domain.name, source, low, high)


def _missing(
    criteria: Criteria,
    items: Items,
    contributions: list[Contribution],
    held: list[Truth],
    sufficient: Truth,
) -> tuple[str, ...]:
    tests = [
        candidate.test
        for domain, part in zip(criteria.domains, contributions, strict=True)
        if part.high > part.low
        for candidate in domain.findings
        if candidate.points > part.low
    ]
    tests += [
        condition.test
        for condition, holds in zip(criteria.conditions, held, strict=True)
        if holds is None
    ]
    if criteria.sufficient is not None and sufficient is None:
        tests.append(criteria.sufficient.test)
    names = dict.fromkeys(item for test in tests for item in test.items)
    return tuple(name for name in names if items.get(name) is None)


def _number(item: str, compare: Callable[[float], bool]) -> Test:
    def answer(items: Items) -> Truth:
        value = items.get(item)
        return None if value is None else bool(compare(value))

    return Test((item,), answer)


def _truth(value: Any) -> Truth:
    return None if value is None else bool(value)


def _items_of(tests: Iterable[Test]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for test in tests for item in test.items))
