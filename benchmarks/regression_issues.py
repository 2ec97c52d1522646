"""Numbers given to pictures: planted errors, ours against Cleanlab's scores on the same predictions and on its own.

Four sets: the diabetes and digits data of scikit-learn (the digit itself is the number), and 2,000 CIFAR-10 photographs
with MobileNetV2 features, whose number is their brightness or their contrast. In one of twenty rows the number is
another row's ("another's"), or two deviations off ("shifted"); three plantings. None is held
out.

    python benchmarks/regression_issues.py [plantings]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, recorded

ROWS = 2_000
SHARE = 20  # one of so many is wrong


def sets() -> dict[str, tuple[Any, Any]]:
    """Name → (n, d) float32 vectors, and (n,) numbers."""
    from sklearn.datasets import load_diabetes, load_digits

    found = {}
    for name, data in (("diabetes", load_diabetes()), ("digits", load_digits())):
        found[name] = data.data.astype(np.float32), data.target.astype(float)
    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz") as arrays:
        x, images = arrays["mobilenetv2"][:ROWS].astype(np.float32), arrays["images"][:ROWS].reshape(ROWS, -1)
    found["brightness"] = x, images.mean(axis=1)
    found["contrast"] = x, np.exp(images.std(axis=1) / 30)
    return found


def planted(true: Any, kind: str, seed: int) -> tuple[Any, Any]:
    """The numbers with some of them wrong, and (n,) bool, which."""
    rng, given, wrong = np.random.default_rng(seed), true.copy(), np.zeros(len(true), dtype=bool)
    if kind != "clean":
        rows = rng.choice(len(true), len(true) // SHARE, replace=False)
        wrong[rows] = True
        off = 2 * true.std() * rng.choice([-1, 1], len(rows))
        given[rows] = rng.permutation(true)[: len(rows)] if kind == "another's" else given[rows] + off
    return given, wrong


def ours(x: Any, given: Any) -> dict[str, Any]:
    """The columns of the method."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.labels.find_regression_issues import RegressionIssuesParams, find_regression_issues

    inputs = Inputs(n=len(x), embeddings=x, named={"target": given})
    params = RegressionIssuesParams(embeddings="vectors", target="number")
    return dict(find_regression_issues(inputs, params, silent).values)


def of_cleanlab(x: Any, given: Any) -> tuple[Any, Any]:
    """Quality and flags of `CleanLearning` with ridge regression, as its tutorial uses it."""
    from cleanlab.regression.learn import CleanLearning
    from sklearn.linear_model import Ridge

    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    found = CleanLearning(model=Ridge(alpha=1.0), cv_n_folds=5, seed=0).find_label_issues(unit, given)
    return found["label_quality"].to_numpy(), found["is_label_issue"].to_numpy()


def main(plantings: int) -> None:
    """A row per set and kind of error, then what is flagged where nothing is wrong."""
    from cleanlab.regression.rank import get_label_quality_scores
    from sklearn.metrics import average_precision_score

    print(
        "\n| numbers | errors | average precision, ours | Cleanlab's `outre`, same predictions | `CleanLearning` "
        "| flagged by ours, of them wrong | by `CleanLearning` |\n|---|---|---|---|---|---|---|"
    )
    for name, (x, true) in sets().items():
        for kind in ("another's", "shifted"):
            scores, flags = [], []
            for seed in range(plantings):
                given, wrong = planted(true, kind, seed)
                values = ours(x, given)
                same = get_label_quality_scores(given, values["expected"], method="outre")
                quality, flagged = of_cleanlab(x, given)
                scores.append([average_precision_score(wrong, -one) for one in (values["quality"], same, quality)])
                flags.append([(int(one.sum()), int(wrong[one].sum())) for one in (values["is_issue"], flagged)])
            cells = " | ".join(f"{mean:.3f}" for mean in np.mean(scores, axis=0))
            told = [", ".join(f"{some} ({right})" for some, right in column) for column in zip(*flags, strict=True)]
            print(f"| {name}, {len(x):,} | {kind} | {cells} | {told[0]} | {told[1]} |", flush=True)
        alarms = int(ours(x, true)["is_issue"].sum()), int(of_cleanlab(x, true)[1].sum())
        print(f"| {name}, {len(x):,} | none | | | | {alarms[0]} | {alarms[1]} |", flush=True)


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        print(f"## Wrong numbers\n\n{machine()}")
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
