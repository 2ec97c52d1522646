"""Is `quality` a probability, and is nothing flagged where nothing can be told? Ours and Cleanlab's, same vectors.

CIFAR-10N's human labels, 600 images of four classes with random errors, clean parts of CIFAR-10, the same with weak
vectors (noise added) and random ones. The constants of `core/labels/calibration.py` were chosen with MobileNetV2
features of these images in sight: no set here is held out. Cleanlab's quality is its self-confidence on five-fold
logistic regressions.

    python benchmarks/calibration.py             also draws docs/images/reliability.svg
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, recorded

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "reliability.svg"
DRAWN = ("aggre", "worst", "4 classes, 40 % random")
SEEDS = (0, 1, 2)
FOUR = (0, 1, 5, 8)  # plane, car, dog, ship

Table = tuple[Any, Any, Any]  # vectors, given classes, true classes


def sets() -> dict[str, list[Table]]:
    """Name → one set for each seed."""
    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        x, true = arrays["mobilenetv2"].astype(np.float32), arrays["clean"]
        found: dict[str, list[Table]] = {name: [(x, arrays[name], true)] for name in ("aggre", "random1", "worst")}
    for share in (20, 40):
        found[f"4 classes, {share} % random"] = [_random_errors(x, true, share / 100, seed) for seed in SEEDS]
    for n in (60, 300, 1000):
        drawn = [_part(true, n, seed) for seed in SEEDS]
        found[f"clean {n}"] = [(x[rows], true[rows], true[rows]) for rows in drawn]
    noises = [np.random.default_rng([1000, seed]).normal(size=(1000, x.shape[1])).astype(np.float32) for seed in SEEDS]
    found["clean 1000, weak"] = [
        (x[rows] + 6 * x.std() * noise, true[rows], true[rows]) for rows, noise in zip(drawn, noises, strict=True)
    ]
    found["clean 1000, random"] = [(noise, true[rows], true[rows]) for rows, noise in zip(drawn, noises, strict=True)]
    return found


def _part(true: Any, n: int, seed: int) -> Any:
    rng = np.random.default_rng([n, seed])
    return np.concatenate([rng.choice(np.flatnonzero(true == code), n // 10, replace=False) for code in range(10)])


def _random_errors(x: Any, true: Any, share: float, seed: int) -> Table:
    """600 images of four classes, a share of them with another class drawn at random."""
    rng = np.random.default_rng([600, seed])
    rows = np.concatenate([rng.choice(np.flatnonzero(true == code), 150, replace=False) for code in FOUR])
    right = np.searchsorted(FOUR, true[rows])
    wrong = rng.permutation(600)[: round(share * 600)]
    given = right.copy()
    given[wrong] = (given[wrong] + rng.integers(1, 4, len(wrong))) % 4
    return x[rows], given, right


def ours(x: Any, given: Any) -> tuple[Any, Any]:
    """Quality of each label, and which are flagged."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.labels.find_label_issues import LabelIssuesParams, find_label_issues

    inputs = Inputs(n=len(x), embeddings=x, labels=GivenLabels.of([f"{code:02d}" for code in given]))
    values = find_label_issues(inputs, LabelIssuesParams(embeddings="vectors"), silent).values
    return values["quality"], values["is_issue"]


def theirs(x: Any, given: Any) -> tuple[Any, Any]:
    """Cleanlab's self-confidence, and which labels it flags."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=1000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few rows of a class
        p = cross_val_predict(model, x, given, cv=5, method="predict_proba")
    return get_label_quality_scores(given, p), find_label_issues(given, p, n_jobs=1)


def measure(solve: Callable[[Any, Any], tuple[Any, Any]], table: Table) -> dict[str, Any]:
    """Calibration error, flags and how many are right, F1, CPU seconds, and the diagram."""
    from image_curation.core.probes.metrics import expected_calibration_error, reliability

    x, given, true = table
    began = time.process_time()
    quality, flagged = solve(x, given)
    seconds, wrong = time.process_time() - began, given != true
    right = int((flagged & wrong).sum())
    return {
        "error": expected_calibration_error(quality, ~wrong),
        "flagged": int(flagged.sum()),
        "right": right,
        "f1": 2 * right / max(int(wrong.sum() + flagged.sum()), 1),
        "seconds": seconds,
        "diagram": reliability(quality, ~wrong),
    }


def draw(diagrams: dict[str, dict[str, Any]]) -> None:
    """Reliability diagrams side by side: what was said, and how often it was so."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "curator", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(diagrams), figsize=(3 * len(diagrams), 3.1), sharey=True)
    for axis, (name, of_peer) in zip(axes, diagrams.items(), strict=True):
        axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for peer, colour in (("ours", "#1f77b4"), ("Cleanlab", "#d95f02")):
            rows = [row for row in of_peer[peer] if row["n"] >= 5]
            said, so = [row["confidence"] for row in rows], [row["accuracy"] for row in rows]
            axis.plot(said, so, marker="o", markersize=3, linewidth=1.2, color=colour, label=peer)
        axis.set(title=name, xlabel="stated quality", xlim=(0, 1), ylim=(0, 1))
    axes[0].set_ylabel("share of labels that are right")
    axes[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    """A row for each set: the median of the seeds."""
    heads = ["", "labels, wrong"]
    for measured in ("calibration error", "flagged (right)", "F1", "CPU s"):
        heads += [f"{measured}: ours", "Cleanlab"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    diagrams = {}
    for name, tables in sets().items():
        found = {
            peer: [measure(solve, table) for table in tables] for peer, solve in (("ours", ours), ("Cleanlab", theirs))
        }
        if name in DRAWN:
            diagrams[name] = {peer: runs[0]["diagram"] for peer, runs in found.items()}
        wrong = int(np.median([(given != true).sum() for _, given, true in tables]))
        cells = [f"{len(tables[0][0]):,}, {wrong:,}"]
        cells += [f"{np.median([run['error'] for run in runs]):.3f}" for runs in found.values()]
        for runs in found.values():
            cells.append(", ".join(f"{run['flagged']:,} ({run['right']:,})" for run in runs))
        cells += [f"{np.median([run['f1'] for run in runs]):.3f}" if wrong else "" for runs in found.values()]
        cells += [f"{np.median([run['seconds'] for run in runs]):.1f}" for runs in found.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    draw(diagrams)


if __name__ == "__main__":
    with recorded(__file__, seeds=len(SEEDS), held_out="no"):
        load_package()
        print(f"## Calibration\n\n{machine()}\n")
        main()
