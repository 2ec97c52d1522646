"""The model that auto takes beside the best one: probe accuracy on twelve sets, with labels to choose by and without.

    python benchmarks/auto_model.py                     all sets
    python benchmarks/auto_model.py --data digits tiles --folder /tmp/auto

Vectors are kept in the folder, so that a second run takes seconds. The probe is logistic regression on unit vectors in
five folds, at the best of three strengths, for every model alike.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from auto_sets import SETS, written
from common import ROOT, load_package, recorded

sys.path.insert(0, str(ROOT / "scripts"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "auto_model")
    given = parser.parse_args()
    load_package()
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels
    from image_curation.core.embeddings.choose_model import choose, models_here
    from image_curation.core.embeddings.models.base import Request

    models = [one.model for one in models_here()]
    print("## What auto picks\n")
    print("| set | shows | held out | " + " | ".join(models) + " | auto, labels | loses | auto, no labels | loses |")
    print("|---" * (7 + len(models)) + "|", flush=True)
    for name in given.data:
        paths, classes = written(name, given.folder / "sets")
        if not paths:
            print(f"| {name} | left out: its data are missing |")
            continue
        told = {model: accuracy(vectors(given.folder, name, model, paths), classes) for model in models}
        request = Request("auto")
        by_labels = choose(request, paths, GivenLabels.of(classes), 51, silent).model
        by_look = choose(request, paths, None, 51, silent).model
        cells = [name, SETS[name].kind, "yes" if SETS[name].held_out else "no"]
        cells += [f"{told[model]:.3f}" for model in models]
        for taken in (by_labels, by_look):
            cells += [taken, f"{max(told.values()) - told[taken]:.3f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def vectors(folder: Path, name: str, model: str, paths: list[str]) -> Any:
    """(n, d) vectors of a set, made once."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings

    kept = folder / f"{name}-{model.replace(':', '_').replace('/', '_')}.npz"
    if not kept.exists():
        inputs = Inputs(n=len(paths), ids=paths, paths=paths)
        np.savez(kept, v=compute_embeddings(inputs, EmbeddingsParams(model=model), silent).values[""])
    found: Mapping[str, Any] = np.load(kept, allow_pickle=False)
    return found["v"]


def accuracy(x: Any, classes: list[str]) -> float:
    """Share of rows whose class a probe that did not see them tells."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.preprocessing import normalize

    x, y = normalize(x - x.mean(axis=0)), np.array(classes)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    probes = [LogisticRegression(C=c, max_iter=300) for c in (1, 10, 100)]
    return max(float((cross_val_predict(probe, x, y, cv=folds) == y).mean()) for probe in probes)


if __name__ == "__main__":
    with recorded(__file__):
        main()
