"""Covariates from the plan's formula: checked against the participants' sheet, then as columns.

Only the space that the columns span matters to a comparison, so the block is centred and made
orthonormal; a spline basis that adds up to one, or two covariates that say the same, do no harm.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from itc_analysis.errors import Fault, did_you_mean
from itc_analysis.statistics.arrays import Matrix
from itc_analysis.stats.plan.columns import NOT_COVARIATES, Columns

#: Staining or library batch of the endpoint: not in the participants' sheet, but may be adjusted
#: for.
BATCH = "batch"
#: Singular values below this share of the largest are linear dependence.
DEPENDENT = 1e-9
#: Rows of the made-up table on which a formula is tried.
N_TRIED = 40

#: What a formula may call: formulaic's splines, codings and scalings, and plain functions.
FUNCTIONS = (
    *("I", "cr", "cc", "cs", "bs", "poly", "C", "center", "scale", "standardize"),
    *("log", "log2", "log10", "log1p", "exp", "np.log", "np.log2", "np.log10", "np.log1p"),
    *("np.exp", "np.sqrt"),
)
#: Parts of Python that can do nothing but arithmetic.
_HARMLESS = (
    *(ast.Expression, ast.Name, ast.Load, ast.Call, ast.keyword, ast.Constant, ast.Tuple, ast.List),
    *(ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop),
)
#: (a + b)**1000 would be written out term by term.
_HIGH_POWER = re.compile(r"(\*\*|\^)\s*\d{2,}")


def allowed(columns: Columns) -> list[str]:
    """Return the names that a covariate formula may use."""
    return [name for name in columns if name not in NOT_COVARIATES] + [BATCH]


def check(formula: str | None, where: str, columns: Columns) -> list[Fault]:
    """Return what is wrong with a covariate formula; an empty list when it can be used."""
    if formula is None:
        return []
    try:
        names = variables(formula)
    except ValueError as error:
        return [Fault(where, f"formula '{formula}': {error}", "write e.g. age_years + sex")]
    unknown = [name for name in names if name not in allowed(columns)]
    if unknown:
        return [
            Fault(
                where,
                f"'{name}' is not a column of the participants' sheet, nor a declared variable",
                did_you_mean(name, allowed(columns)),
            )
            for name in unknown
        ]
    rng = np.random.default_rng(0)  # any values: only whether the formula computes is looked at
    tried = pd.DataFrame(
        {
            name: rng.choice(["a", "b"], N_TRIED)
            if name == BATCH or columns[name].kind == "text"
            else rng.uniform(20, 80, N_TRIED)
            for name in names
        }
    )
    try:
        matrix(tried, formula)
    except ValueError as error:
        return [Fault(where, f"formula '{formula}': {error}", "write e.g. age_years + sex")]
    return []


def variables(formula: str | None) -> list[str]:
    """Return the columns that a formula uses, in order; `ValueError` when it cannot be parsed."""
    found = [name for _, names in _terms(formula) for name in names]
    return list(dict.fromkeys(found))


def without(formula: str | None, dropped: Iterable[str]) -> str | None:
    """Return the formula without the terms that use a dropped column; None when nothing is left."""
    gone = set(dropped)
    kept = [term for term, names in _terms(formula) if not gone & set(names)]
    return " + ".join(kept) or None


def with_batch(formula: str | None) -> str:
    """Return the formula with batch added."""
    return BATCH if formula is None else f"{formula} + {BATCH}"


def matrix(table: pd.DataFrame, formula: str | None) -> Matrix:
    """Return the covariates as centred orthonormal columns.

    Parameters
    ----------
    table : pandas.DataFrame
        one row per participant, no missing values in the formula's columns.
    formula : str or None
        from the plan; None for none.

    Returns
    -------
    Matrix
        Shape (n, r), r the number of linearly independent covariate columns beyond a constant.

    Raises
    ------
    ValueError
        the formula does not compute on these values (a spline with more knots than ages).
    """
    names = tuple(variables(formula))
    if not names:
        return np.empty((len(table), 0))
    return _block(str(formula), names, tuple(tuple(_plain(table[name])) for name in names))


@lru_cache(maxsize=64)  # most endpoints of a plan have the same participants
def _block(formula: str, names: tuple[str, ...], values: tuple[tuple[object, ...], ...]) -> Matrix:
    """Return the orthonormal block of these values; read-only, because it is handed out again."""
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    plain = pd.DataFrame(
        {
            name: pd.Categorical(column) if isinstance(column[0], str) else np.array(column, float)
            for name, column in zip(names, values, strict=True)
        }
    )
    n = len(plain)
    try:
        with np.errstate(all="ignore"):  # a logarithm of 0 is told below, in words
            columns = np.asarray(
                model_matrix(f"1 + {formula}", plain, context={}, na_action="raise")
            )
    except (FormulaicError, ValueError, TypeError, KeyError) as error:
        raise ValueError(_first_line(error)) from None
    columns = columns.astype(float)
    if not np.all(np.isfinite(columns)):
        msg = "gives values that are not finite"
        raise ValueError(msg)
    # each column on its own scale first, whatever its unit: CRP in the hundreds must not hide a
    # yes/no, nor a concentration in mol/L be taken for nothing
    size = np.max(np.abs(columns), axis=0)
    columns = columns / np.where(size > 0, size, 1.0)
    columns = columns - columns.mean(axis=0)
    spread = np.sqrt(np.mean(columns**2, axis=0))
    varies = spread > n * np.finfo(float).eps  # what rounding leaves of a constant is less
    columns = columns[:, varies] / spread[varies]
    if columns.shape[1] == 0:
        return np.empty((n, 0))
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    basis: Matrix = left[:, singular > DEPENDENT * singular[0]] * np.sqrt(n)
    basis.flags.writeable = False
    return basis


@lru_cache(maxsize=64)  # asked for every endpoint of the plan
def _terms(formula: str | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each term with the columns it uses."""
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    if formula is None:
        return ()
    if high := _HIGH_POWER.search(formula):
        msg = f"'{high.group()}' is no power that a covariate needs"
        raise ValueError(msg)
    try:
        parsed = Formula(formula)  # reads, and evaluates nothing
    except (
        FormulaicError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
    ) as error:
        what = _first_line(error)
        msg = "what follows a bracket cannot be read" if isinstance(error, SyntaxError) else what
        raise ValueError(msg) from None
    if hasattr(parsed, "lhs"):
        msg = "a '~' has no place here: name covariates only"
        raise ValueError(msg)
    if not isinstance(parsed, SimpleFormula):
        msg = "a '|' has no place here: name covariates only"
        raise ValueError(msg)
    terms = []
    for term in parsed:
        names = tuple(name for factor in term.factors for name in _names(str(factor.expr)))
        if names:
            terms.append((str(term), names))
    return tuple(terms)


def _names(expression: str) -> list[str]:
    """Return the variables of a factor, without the functions.

    formulaic 1.2's own `required_variables` misses those inside calls with keywords.
    """
    try:
        tree = ast.parse(expression.replace("`", ""), mode="eval")
    except SyntaxError:
        msg = f"'{expression}' cannot be read"
        raise ValueError(msg) from None
    called = {id(node.func): node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for function in called.values():
        if ast.unparse(function) not in FUNCTIONS:
            msg = f"'{ast.unparse(function)}' is no function for it; {', '.join(FUNCTIONS)} are"
            raise ValueError(msg)
    of_numpy = {id(node.value) for node in called.values() if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        # formulaic hands what is written to Python, and a plan may come from somebody else
        if not isinstance(node, _HARMLESS) and id(node) not in called:
            msg = f"'{ast.unparse(node)}' is no part of a formula"
            raise ValueError(msg)
    return [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and id(node) not in called and id(node) not in of_numpy
    ]


def _plain(column: pd.Series) -> Sequence[object]:
    """Return words as they are, numbers as float, yes/no as 1 and 0, as formulaic expects them."""
    if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column.dtype):
        return column.astype(object).tolist()
    return column.astype(float).tolist()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
