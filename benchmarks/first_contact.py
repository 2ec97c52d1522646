"""Flags with defaults on ants and bees with 5 % planted wrong labels, five seeds: auto's vectors and the descriptor's.

python benchmarks/first_contact.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from auto_model import vectors
from auto_sets import written
from common import ROOT, load_package, recorded

sys.path.insert(0, str(ROOT / "scripts"))
SEEDS, SHARE = 5, 0.05


def main() -> None:
    """Print the table."""
    load_package()
    folder = Path(tempfile.gettempdir()) / "auto_model"
    paths, classes = written("insects", folder / "sets")
    if not paths:
        print("left out: the data are missing")
        return
    print("## First contact\n")
    print("| vectors | flags | precision | recall |\n|---|---|---|---|")
    for model in ("descriptor", "photographs"):
        x = vectors(folder, "insects", model, paths)
        found = np.array([flagged(x, classes, seed) for seed in range(SEEDS)])
        hits, flags, planted = found.sum(axis=0)
        print(f"| {model} | {flags / SEEDS:.1f} | {hits / max(flags, 1):.3f} | {hits / planted:.3f} |", flush=True)


def flagged(x: Any, classes: list[str], seed: int) -> tuple[int, int, int]:
    """Planted labels that are flagged, flags, and planted labels, with every parameter at its default."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.labels.find_label_issues import METHOD

    names = sorted(set(classes))
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(classes))[: round(SHARE * len(classes))]
    given = list(classes)
    for row in wrong:
        given[row] = names[(names.index(given[row]) + int(rng.integers(1, len(names)))) % len(names)]
    inputs = Inputs(n=len(x), ids=[str(row) for row in range(len(x))], embeddings=x, labels=GivenLabels.of(given))
    is_issue = np.asarray(METHOD.run(inputs, METHOD.params(), silent).values["is_issue"], dtype=float) > 0
    return int(is_issue[wrong].sum()), int(is_issue.sum()), len(wrong)


if __name__ == "__main__":
    with recorded(__file__):
        main()
