"""Which numbers given to pictures are probably wrong: an age, a weight, a score that pictures like it do not have.

Each number is foretold by models that saw neither the picture nor a near copy: leave-one-out ridge regression
(`core/probes/ridge.py`) on targets whose strays are drawn in (Huber 1973, https://doi.org/10.1214/aos/1176342503),
and the errors that this makes on the nearest neighbors. Right numbers lie about what is foretold as Student's t does;
wrong ones may lie anywhere in the range of the numbers. Were one in twenty wrong, Bayes' rule tells from the two how
probably each number is right (Box & Tiao 1968, https://doi.org/10.1093/biomet/55.1.119).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.graph import Graph
from ..base.inputs import Inputs
from ..base.method import Finding, Method
from ..base.params import ParamError, Params, param
from ..base.threads import blas_threads
from ..neighbors.graph import shared_graph
from ..probes.folds import groups_of_many, leaving_together
from ..probes.linear_probe import NEIGHBORS, unit_rows
from ..probes.ridge import LeavingOut

FEWEST = 10  # numbers by which others can be judged
ROUNDS = 3  # of drawing strays in
DRAWN = 2.5  # deviations from what is foretold beyond which a number counts no further
NORMAL = 1.4826  # times the median absolute error is the deviation of normal errors
OWN = 20  # neighbors that the deviation of the whole set counts for, beside a picture's own
TAILS = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)  # degrees of freedom that are tried
PRIOR = 0.05  # share of wrong numbers
ROOM = 1.2  # times the range of the numbers: where wrong ones may lie
STEPS, TINY = 100, 1e-12


@dataclass(frozen=True, kw_only=True)
class RegressionIssuesParams(Params):
    """Find numbers (an age, a count, a score) that are probably wrong for their picture."""

    embeddings: str = param("embeddings", "Embeddings to judge numbers by", reads="embeddings")
    target: str = param(help="Field of numbers or Regressions to check", reads="numbers")
    group_field: str | None = param(
        None, "Samples that share a value (patient, video, camera) are never used to judge one another", reads="values"
    )


@dataclass(frozen=True)
class Judged:
    """What is said of m numbers.

    Attributes:
        expected: (m,) what models that did not see the number foretell.
        deviation: (m,) what right numbers usually lie off by, there.
        right: (m,) probability that the number is right.
        explained: share of the numbers' variance that is foretold, 0 where they tell nothing.
    """

    expected: Array
    deviation: Array
    right: Array
    explained: float


def find_regression_issues(inputs: Inputs, params: RegressionIssuesParams, progress: Progress) -> Columns:
    """Judge every picture that has a number. Columns as declared in `METHOD`."""
    given: Array = np.asarray(inputs.named["target"], dtype=np.float64)
    rows = np.flatnonzero(np.isfinite(given))
    if len(rows) < FEWEST:
        raise ParamError(
            f"RegressionIssuesParams.target must hold a number on at least {FEWEST} pictures; {params.target!r} has "
            f"{len(rows):,}: give more of them one"
        )
    y = given[rows]
    if np.ptp(y) == 0:
        raise ParamError(
            f"RegressionIssuesParams.target must hold numbers that differ; all {len(rows):,} of {params.target!r} are "
            f"{y[0]:g}: name another field"
        )
    graph = shared_graph(inputs, NEIGHBORS, "cosine", progress)
    groups = leaving_together(inputs, graph)
    if len(np.unique(groups[rows])) < 2:
        raise ParamError(
            "Judging numbers needs at least 2 pictures that are neither near-duplicates nor of one group; got "
            f"{len(rows):,} that belong together: give more pictures a number, or name a group_field with more values"
        )
    with blas_threads(1):
        found = judge(unit_rows(inputs.vectors)[rows], y, graph, groups, rows, progress)
    columns = _columns(inputs.n, rows, y, found)
    return Columns(columns, _facts(y, found), np.isfinite(given))


def judge(x: Array, y: Array, graph: Graph, groups: Array, rows: Array, progress: Progress) -> Judged:
    """How probably each number is right.

    Args:
        x: (m, d) unit vectors of the pictures with a number.
        y: (m,) their numbers.
        graph: of all n pictures.
        groups: (n,) of pictures that leave together.
        rows: (m,) places of the m among the n.
    """
    leaving_out = LeavingOut(x, groups_of_many(groups[rows]))
    near = _near(graph, groups, rows)
    drawn = np.clip(y, *np.quantile(y, [0.01, 0.99]))
    for done in range(ROUNDS):
        progress(done, ROUNDS, "leaving each picture out")
        ridge = leaving_out.predict(drawn[:, None])[:, 0]
        local = _mean_of(near, drawn - ridge)
        share = float(np.clip((local @ (drawn - ridge)) / max(float(local @ local), 1e-300), 0.0, 1.0))
        expected = ridge + share * local
        error = y - expected
        deviation = max(NORMAL * float(np.median(np.abs(error))), 1e-9 * float(np.ptp(y)))
        drawn = expected + np.clip(error, -DRAWN * deviation, DRAWN * deviation)
    squares = np.minimum(error**2, (DRAWN * deviation) ** 2)
    counted = (near >= 0).sum(axis=1)
    spread = np.sqrt((OWN * squares.mean() + _mean_of(near, squares) * counted) / (OWN + counted))
    right = _right(error / spread, spread, 1 / (ROOM * float(np.ptp(y))))
    usual = np.median(np.abs(y - np.median(y)))
    explained = 1 - (np.median(np.abs(error)) / usual) ** 2 if usual > 0 else 1 - float(squares.mean() / y.var())
    return Judged(expected, spread, right, float(np.clip(explained, 0.0, 1.0)))


def _near(graph: Graph, groups: Array, rows: Array) -> Array:
    """(m, k) places, among the pictures with a number, of the neighbors of other groups; -1 for others."""
    place = np.full(graph.n, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    other = graph.indices[rows]
    return np.where(groups[other] != groups[rows][:, None], place[other], -1)


def _mean_of(near: Array, values: Array) -> Array:
    """(m,) mean of a value over the neighbors of each picture; 0 where it has none."""
    has = near >= 0
    return np.asarray(np.where(has, values[near], 0.0).sum(axis=1) / np.maximum(has.sum(axis=1), 1))


def _right(z: Array, spread: Array, stray: float) -> Array:
    """(m,) probability that each number is right, were one in twenty wrong.

    Errors above and below differ: prices are wrong upwards more than downwards. Each side has its own deviation and
    tails, fitted to all its errors as if they were right, so that numbers which the vectors tell badly are not flagged.

    Args:
        z: (m,) errors in deviations.
        spread: (m,) the deviations.
        stray: density of wrong numbers, anywhere.
    """
    off, right = z - np.median(z), np.ones(len(z))
    for side in (off <= 0, off >= 0):
        far = np.abs(off[side])
        fits = [(tail, _scale(far, tail)) for tail in TAILS]
        tail, scale = max(fits, key=lambda fit: float(stats.t.logpdf(far, fit[0], scale=fit[1]).sum()))
        fitting = (1 - PRIOR) * stats.t.pdf(far, tail, scale=scale) / spread[side]
        right[side] = fitting / (fitting + PRIOR * stray)
    return right


def _scale(far: Array, tail: float) -> float:
    """The likeliest scale of Student's t with that many degrees of freedom, by expectation maximisation."""
    scale = max(NORMAL * float(np.median(far)), TINY)
    for _ in range(STEPS):
        before, weights = scale, (tail + 1) / (tail + (far / scale) ** 2)
        scale = max(float(np.sqrt((weights * far**2).mean())), TINY)
        if abs(scale - before) < 1e-6 * scale:
            break
    return scale


def _columns(n: int, rows: Array, y: Array, found: Judged) -> dict[str, Any]:
    is_issue = np.zeros(n, dtype=bool)
    is_issue[rows] = found.right < 0.5
    quality, expected, error = (np.full(n, np.nan) for _ in range(3))
    quality[rows], expected[rows] = found.right, found.expected
    error[rows] = (y - found.expected) / found.deviation
    rank: list[int | None] = [None] * n
    flagged = np.flatnonzero(is_issue)
    for place, row in enumerate(flagged[np.argsort(quality[flagged], kind="stable")].tolist(), start=1):
        rank[row] = place
    return {"is_issue": is_issue, "quality": quality, "expected": expected, "error": error, "rank": rank}


def _facts(y: Array, found: Judged) -> Facts:
    flagged = found.right < 0.5
    issues, likely = int(flagged.sum()), float((1 - found.right)[flagged].sum())
    headline = f"{issues:,} of {len(y):,} numbers are probably wrong"
    headline += f"; about {round(likely):,} of them really are" if issues else ""
    told = f"the embeddings explain {round(100 * found.explained)} % of how the numbers differ"
    return {
        "samples": len(y),
        "issues": issues,
        "expected_wrong": round(likely, 1),
        "explained": round(found.explained, 4),
        "typical_error": float(np.median(np.abs(y - found.expected))),
        "headline": f"{headline}; {told}" + ("" if found.explained >= 0.1 else ", too little to judge most of them by"),
    }


METHOD = Method(
    name="find_regression_issues",
    version=1,
    label="Find wrong numbers",
    stage="clean",
    key="regression_issues",
    params=RegressionIssuesParams,
    run=find_regression_issues,
    reads=("embeddings", "numbers"),
    writes=(
        Column("is_issue", bool, "The number is probably wrong", role="mark"),
        Column(
            "quality", float, "Probability that the number is right, were one in twenty wrong, in [0, 1]", best="high"
        ),
        Column("expected", float, "Number that pictures like it have, told without its own"),
        Column("error", float, "Given minus expected number, in deviations of right ones there"),
        Column("rank", int, "Rank among the issues, 1 is the worst"),
    ),
    finding=Finding(
        "Numbers that look wrong",
        "moderate",
        "Pictures like these have another number.",
        one="Number that looks wrong",
    ),
    cite="Huber 1973, https://doi.org/10.1214/aos/1176342503; Box & Tiao 1968, https://doi.org/10.1093/biomet/55.1.119",
)
