"""Splits without leaks: what crosses them and how alike they are, against random splits of the same sizes.

80/10/10 by `split_dataset` with labels, near-duplicates kept together. The figures are the run's own proof. On the
planted set every tenth sample is a near-copy of another.

python benchmarks/splits.py
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from common import load_package, machine, recorded
from selection import SETS, Table, unit
from threadpoolctl import threadpool_limits


def copied(table: Table, share: float = 0.1) -> Table:
    """The table with near-copies of a share of its rows behind it."""
    rng = np.random.default_rng(0)
    rows = rng.choice(len(table.x), int(share * len(table.x)), replace=False)
    near = unit(table.x[rows] + 0.002 * rng.normal(size=table.x[rows].shape))
    return Table(np.concatenate([table.x, near]), np.concatenate([table.classes, table.classes[rows]]))


def proof(table: Table) -> dict[str, Any]:
    """Facts of `split_dataset`."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.selection.split_dataset import SplitParams, split_dataset

    labels = GivenLabels.of([f"{code:02d}" for code in table.classes])
    inputs = Inputs(n=len(table.x), embeddings=table.x, labels=labels)
    with threadpool_limits(1):
        return dict(split_dataset(inputs, SplitParams(label_field="labels"), silent).facts)


def main(names: list[str]) -> None:
    """Print the table."""
    print(f"## Splits\n\n{machine()}\n")
    print(
        "| of | near-duplicates across, ours / random | largest similarity | energy distance | random's | sizes |\n"
        "|---|---|---|---|---|---|"
    )
    for name in names or [name for name in SETS if "MNIST" not in name]:
        table = SETS[name]()
        facts = proof(copied(table) if name == "planted groups" else table)
        print(
            f"| {name} | {facts['near_duplicates_across']} / {facts['near_duplicates_across_random']:.0f} "
            f"| {facts['largest_similarity_across']:.3f} / {facts['largest_similarity_across_random']:.3f} "
            f"| {facts['distribution_distance']:.4f} | {facts['distribution_distance_random']:.4f} ± "
            f"{facts['distribution_distance_random_spread']:.4f} | {', '.join(map(str, facts['sizes'].values()))} |",
            flush=True,
        )


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        main(sys.argv[1:])
