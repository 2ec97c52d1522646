"""Sets of labels: planted errors among COCO's, ours against Cleanlab's scores on a logistic regression of each class.

256 photographs of COCO, MobileNetV2 features, the classes that ten or more of them show. In 40 of them one class is
taken away, or one added that is not there; five plantings. No data here has sets of labels with errors people found.

    python benchmarks/multilabel.py [plantings]
"""

from __future__ import annotations

import csv
import sys
import time
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, recorded

LEAST = 10  # pictures of a class
PLANTED = 40


def coco() -> tuple[Any, Any, tuple[str, ...]]:
    """(n, 1280) float32 features, (n, C) bool classes, and their names."""
    folder = SHARED / "coco256"
    with np.load(folder / "embeddings_mobilenetv2.npz", allow_pickle=False) as arrays:
        x, paths = arrays["emb"].astype(np.float32), arrays["paths"].tolist()
    with (folder / "labels.csv").open() as file:
        classes = {row["path"]: row["classes"].split("|") for row in csv.DictReader(file)}
    every = [name for path in paths for name in classes[path] if name]
    names = tuple(sorted({name for name in every if every.count(name) >= LEAST}))
    return x, np.array([[name in classes[path] for name in names] for path in paths]), names


def planted(true: Any, seed: int) -> tuple[Any, Any]:
    """The classes with one answer wrong in some rows, as often missing as too many; and (n,) bool, which rows."""
    rng = np.random.default_rng(seed)
    given, wrong = true.copy(), np.zeros(len(true), dtype=bool)
    for number, row in enumerate(rng.permutation(np.flatnonzero(true.any(axis=1)))[:PLANTED]):
        at = rng.choice(np.flatnonzero(true[row] if number % 2 else ~true[row]))
        given[row, at] = not given[row, at]
        wrong[row] = True
    return given, wrong


def ours(x: Any, given: Any, names: tuple[str, ...]) -> tuple[Any, Any]:
    """Quality of each set, and which sets are flagged."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenSets, Inputs
    from image_curation.core.labels.find_multilabel_issues import MultilabelIssuesParams, find_multilabel_issues

    sets = GivenSets(names, given, np.ones(len(x), dtype=bool))
    inputs = Inputs(n=len(x), embeddings=x, named={"label_field": sets})
    values = find_multilabel_issues(inputs, MultilabelIssuesParams(), silent).values
    return values["quality"], values["is_issue"]


def theirs(x: Any, given: Any, names: tuple[str, ...]) -> tuple[Any, Any]:
    """Cleanlab's quality of each set, and which it flags, on five-fold logistic regressions."""
    from cleanlab.multilabel_classification import get_label_quality_scores
    from cleanlab.multilabel_classification.filter import find_label_issues
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=1000))
    columns = [cross_val_predict(model, x, given[:, c], cv=5, method="predict_proba")[:, 1] for c in range(len(names))]
    sets = [np.flatnonzero(row).tolist() for row in given]
    p = np.stack(columns, axis=1)
    flagged = find_label_issues(sets, p, n_jobs=1)
    return get_label_quality_scores(sets, p), flagged


def main(plantings: int) -> None:
    """A row per contestant: mean and range over the plantings."""
    from sklearn.metrics import average_precision_score

    x, true, names = coco()
    print(f"\n{len(x)} photographs, {len(names)} classes, {PLANTED} wrong sets, {plantings} plantings\n")
    print(
        f"| | average precision | lowest to highest | right among the worst {PLANTED} | flagged, of them planted | "
        "flagged where none is planted | CPU s |\n|---|---|---|---|---|---|---|"
    )
    for name, solve in (("ours", ours), ("Cleanlab", theirs)):
        began, scores, hits, right = time.process_time(), [], [], []
        for seed in range(plantings):
            given, wrong = planted(true, seed)
            quality, flagged = solve(x, given, names)
            right.append((int(flagged.sum()), int(wrong[flagged].sum())))
            scores.append(average_precision_score(wrong, -quality))
            hits.append(wrong[np.argsort(quality, kind="stable")[:PLANTED]].mean())
        seconds = (time.process_time() - began) / plantings
        spread = f"{min(scores):.3f} to {max(scores):.3f}"
        found = ", ".join(f"{some} ({planted_ones})" for some, planted_ones in right)
        alarms = int(solve(x, true, names)[1].sum())
        print(
            f"| {name} | {np.mean(scores):.3f} | {spread} | {np.mean(hits):.2f} | {found} | {alarms} | {seconds:.1f} |",
            flush=True,
        )
    print(f"| by chance | {PLANTED / len(x):.3f} | | {PLANTED / len(x):.2f} | | | |")


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        print(f"## Sets of labels\n\n{machine()}")
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
