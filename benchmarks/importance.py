"""Importance, its two uses apart: attention as a ranking of wrong labels, and coresets as training sets.

The coreset's mixture and limit were chosen on planted sets other than these; the penalty of the trained probes was set
after a first run.

python benchmarks/importance.py              attention, against Cleanlab's self-confidence
python benchmarks/importance.py seeds        attention, three seeds of the folds and of the planted noise
python benchmarks/importance.py coresets     probes trained on 1, 5 and 10 %, against uniform samples, ten seeds
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from common import Contestant, load_package, main, over_seeds
from label_issues import HUMAN, PLANTED, cleanlab
from probe import cifar10n, split


def attention(table: Any, method: str = "attention", seed: int = 51) -> Any:
    """Scores of `score_importance`."""
    return importance(table, method=method, seed=seed)["score"]


def importance(table: Any, **params: Any) -> Any:
    """Columns of `score_importance`."""
    from image_curation.core.importance import ImportanceParams, score_importance
    from image_curation.core.method import GivenLabels, Inputs, silent
    from image_curation.core.threads import blas_threads

    x, given, _ = split(table)
    inputs = Inputs(n=len(x), embeddings=x, labels=GivenLabels.of([f"{code:02d}" for code in given]))
    with blas_threads(1):
        return score_importance(inputs, ImportanceParams(embeddings="vectors", **params), silent).values


def score(table: Any, badness: Any) -> dict[str, float]:
    """Average precision of the ranking for wrong labels, and the share found among as many as are wrong."""
    from sklearn.metrics import average_precision_score

    _, given, true = split(table)
    wrong = given != true
    top = np.argsort(-badness, kind="stable")[: wrong.sum()]
    return {"average precision": float(average_precision_score(wrong, badness)), "found": float(wrong[top].mean())}


def coresets(seeds: int = 10) -> None:
    """Print accuracy on held-out true labels, and the error of the estimated loss, by sampler and size."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    load_package()
    # C: the penalty that our probe chooses on all of the rows, the same for every sampler
    sets = {"aggre": lambda: cifar10n("aggre"), "clean": lambda: cifar10n("clean"), "pair 10%": PLANTED["pair 10%"]}
    print("| data | share | sampler | accuracy | least gain on uniform | loss error |\n|---|---|---|---|---|---|")
    for name, make in sets.items():
        table = make()
        x, _, true = split(table)
        table[:, :-2] = x / np.linalg.norm(x, axis=1, keepdims=True)
        train = np.arange(len(table)) % 5 != 0
        x, given, _ = split(table)
        with threadpool_limits(1):
            rows = int(train.sum())
            full = LogisticRegression(C=200 / rows, max_iter=300).fit(x[train] * 10, given[train], np.full(rows, 1.0))
            score_of_all = full.score(x[~train] * 10, true[~train])
            print(f"| {name} | 100% | all | {score_of_all:.4f} | | |", flush=True)
            losses = -full.predict_log_proba(x[train] * 10)[np.arange(rows), given[train]]
            for share in (0.01, 0.05, 0.1):
                results: dict[str, list[tuple[float, float]]] = {"uniform": [], "uniform in classes": [], "ours": []}
                for seed in range(seeds):
                    size = round(share * rows)
                    uniform = np.random.default_rng(seed).choice(rows, size, replace=False)
                    columns = importance(table[train], method="quick_attention", coreset_size=size, seed=seed)
                    chosen = np.flatnonzero(columns["in_coreset"])
                    even, even_weight = _uniform_in_classes(given[train], size, seed)
                    for sampler, picked, weight in (
                        ("uniform", uniform, np.full(size, rows / size)),
                        ("uniform in classes", even, even_weight),
                        ("ours", chosen, columns["weight"][chosen]),
                    ):
                        fit = LogisticRegression(C=200 / rows, max_iter=300)
                        fit.fit(x[train][picked] * 10, given[train][picked], weight)
                        error = abs(weight @ losses[picked] / losses.sum() - 1)
                        results[sampler].append((fit.score(x[~train] * 10, true[~train]), error))
                for sampler, values in results.items():
                    accuracy, error = np.mean(values, axis=0)
                    gain = np.array(values)[:, 0] - np.array(results["uniform"])[:, 0]
                    least = f"{gain.min():+.3f}" if sampler != "uniform" else ""
                    print(f"| {name} | {share:.0%} | {sampler} | {accuracy:.4f} | {least} | {error:.4f} |", flush=True)


def _uniform_in_classes(codes: Any, size: int, seed: int) -> tuple[Any, Any]:
    """Rows drawn evenly, from every class in proportion to its size, and what each stands for."""
    from image_curation.core.coreset import class_sizes

    rng = np.random.default_rng(seed)
    n_classes = int(codes.max()) + 1
    sizes = class_sizes(np.full(len(codes), 1 / len(codes)), codes, n_classes, size, 1, {})
    members = [np.flatnonzero(codes == c) for c in range(n_classes)]
    rows = [rng.choice(member, number, replace=False) for member, number in zip(members, sizes, strict=True)]
    weights = [np.full(len(row), len(member) / max(len(row), 1)) for row, member in zip(rows, members, strict=True)]
    return np.concatenate(rows), np.concatenate(weights)


CONTESTANTS = {
    "Cleanlab's self-confidence, 5-fold logistic regression": Contestant(lambda table: cleanlab(table)[0]),
    "ours, attention": Contestant(attention),
    "ours, quick attention": Contestant(lambda table: attention(table, "quick_attention")),
}

if __name__ == "__main__":
    if sys.argv[1:] == ["coresets"]:
        coresets()
    elif sys.argv[1:] == ["seeds"]:
        both = {
            "Cleanlab": lambda table, seed: cleanlab(table, seed)[0],
            "ours": lambda table, seed: attention(table, seed=seed),
        }
        over_seeds(both, HUMAN | {name: make for name, make in PLANTED.items() if "copied" not in name}, score)
    else:
        main("Importance: attention", CONTESTANTS, HUMAN | PLANTED, score)
