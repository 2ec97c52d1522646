"""How many edge cases are too many: nested slices of them, and what a probe trained with each of them learns.

Edge cases teach the borders and mislead about the middle. Training sets of one size are made of ever more edge cases
and ever fewer samples that cover the typical; each trains a probe, which is tested on held-out samples, all of them
and those at the edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.arrays import Array, Progress
from .coverage import accuracy, ground

STEPS = 5  # slices, each twice as large as the one before
EDGE = 0.2  # of the samples, those with the highest edge score are the edges that probes are tested on
SHARES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)


def ladder(
    x: Array, codes: Array, edge: Array, picks: Array, base: Array, progress: Progress
) -> tuple[Array, dict[str, Any]]:
    """The slice of each edge case, and accuracy against their share.

    Args:
        x: (n, d) unit rows.
        codes: (n,) classes, -1 for none.
        edge: (n,) how much of an edge case each row is.
        picks: (q,) edge cases in the order of their rank.
        base: rows that cover the typical, in the order of their rank.

    Returns:
        level: (q,) int64, 1 for the innermost slice to 5 for all.
        facts: sizes of the slices; with labels of two classes or more `accuracy`: for each share of edge cases the
            accuracy overall and on the edges; and the share with the highest of them overall. Plain JSON values.
    """
    sizes = [max(1, len(picks) >> (STEPS - 1 - step)) for step in range(STEPS)]
    level = np.searchsorted(np.array(sizes), np.arange(len(picks)), side="right") + 1
    facts: dict[str, Any] = {"slices": [int((level <= step + 1).sum()) for step in range(STEPS)]}
    progress(0, 1, "training probes with ever more edge cases")
    on = ground(x, codes=codes, cluster=np.zeros(len(x), dtype=np.int64))
    if on.design is None:
        facts["accuracy"] = []
        return level, facts
    hard = edge >= np.quantile(edge, 1 - EDGE)
    usable = (codes >= 0) & ~on.held_out
    typical, odd = base[usable[base]], picks[usable[picks]]
    m = min(len(typical), len(odd))
    rows: list[dict[str, Any]] = []
    for share in SHARES:
        some = odd[: round(share * m)]
        others = typical[~np.isin(typical, some)][: m - len(some)]
        trained = np.concatenate([some, others])
        overall, edges = accuracy(on, trained), accuracy(on, trained, hard)
        rows.append(
            {
                "share": share,
                "n": len(trained),
                "accuracy": round(overall.get("accuracy", 0.0), 4),
                "balanced_accuracy": round(overall.get("balanced_accuracy", 0.0), 4),
                "edge_accuracy": round(edges["accuracy"], 4) if edges else None,
            }
        )
    facts["accuracy"] = rows
    facts["most_accurate_share"] = max(rows, key=lambda row: (row["accuracy"], -row["share"]))["share"]
    return level, facts


def said_of_ladder(facts: dict[str, Any]) -> str:
    """Accuracy against the share of edge cases, in a sentence: overall, and on the edges where any were held out."""
    return "; ".join(
        f"{row['share']:.0%}: {row['accuracy']:.1%} overall"
        + ("" if row["edge_accuracy"] is None else f", {row['edge_accuracy']:.1%} on the edges")
        for row in facts["accuracy"]
    )
