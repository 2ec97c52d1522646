"""Importance, its two uses apart: attention as a ranking of wrong labels, and coresets as training sets.

The coreset's constants were chosen on two planted sets other than these (other seeds, sizes, spreads and noise) and on
MNIST's pixels, clean and with planted noise; the penalty of the trained probes was set after a first run, long before.

python benchmarks/importance.py              attention, against Cleanlab's self-confidence
python benchmarks/importance.py seeds        attention, three seeds of the folds and of the planted noise
python benchmarks/importance.py coresets     probes trained on 1, 5 and 10 %, against uniform samples, ten seeds
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from common import Contestant, load_package, main, over_seeds, recorded
from label_issues import HUMAN, PLANTED, cleanlab
from probe import cifar10n, split


def attention(table: Any, method: str = "attention", seed: int = 51) -> Any:
    """Scores of `score_importance`."""
    return importance(table, method=method, seed=seed)["score"]


def importance(table: Any, **params: Any) -> Any:
    """Columns of `score_importance`."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import GivenLabels, Inputs
    from image_curation.core.base.threads import blas_threads
    from image_curation.core.importance.score_importance import ImportanceParams, score_importance

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


def coresets(only: list[str], seeds: int = 10) -> None:
    """Print accuracy on held-out true labels and the error of the estimated loss, by sampler and size.

    Gains are on uniform samples of the same seed: their mean, the least of all seeds, and how many seeds are below.
    Losses are those of the model trained on all rows, and of the same with 0.3 of its weights.
    """
    from threadpoolctl import threadpool_limits

    load_package()
    # C: the penalty that our probe chooses on all of the rows, the same for every sampler
    sets = {"aggre": lambda: cifar10n("aggre"), "clean": lambda: cifar10n("clean"), "pair 10%": PLANTED["pair 10%"]}
    print("## Coresets\n")
    print("| data | share | sampler | accuracy | gain | least | below | loss error | at 0.3 |\n|" + "---|" * 9)
    for name in only or sets:
        table = sets[name]()
        x, given, true = split(table)
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        train = np.arange(len(table)) % 5 != 0
        own, known = np.ascontiguousarray(x[train]), given[train]
        with threadpool_limits(1):
            rows = int(train.sum())
            full = _probe(own, known, np.ones(rows), rows)
            print(f"| {name} | 100% | all | {full.score(x[~train] * 10, true[~train]):.4f} | | | | | |", flush=True)
            losses = [_losses(full, own, known, scale) for scale in (1.0, 0.3)]
            samplers = _samplers(own, known)
            for share in (0.01, 0.05, 0.1):
                results: dict[str, list[tuple[float, ...]]] = {}
                for seed in range(seeds):
                    for sampler, draw in samplers.items():
                        picked, weight = draw(round(share * rows), seed)
                        fit = _probe(own[picked], known[picked], weight, rows)
                        errors = [abs(weight @ loss[picked] / loss.sum() - 1) for loss in losses]
                        accuracy = fit.score(x[~train] * 10, true[~train])
                        results.setdefault(sampler, []).append((accuracy, *errors))
                for sampler, values in results.items():
                    accuracy, error, elsewhere = np.mean(values, axis=0)
                    gain = np.array(values)[:, 0] - np.array(results["uniform"])[:, 0]
                    gains = f"{gain.mean():+.4f} | {gain.min():+.3f} | {(gain < 0).sum()}" if gain.any() else "| |"
                    print(
                        f"| {name} | {share:.0%} | {sampler} | {accuracy:.4f} | {gains} | {error:.4f} "
                        f"| {elsewhere:.4f} |",
                        flush=True,
                    )


def _samplers(x: Any, codes: Any) -> dict[str, Any]:
    """Sampler → (size, seed) → rows and what each stands for."""
    from image_curation.core.importance.coreset import class_sizes, pick, pilot_loss

    n_classes = int(codes.max()) + 1
    loss = pilot_loss(x, codes, n_classes)

    def uniform(size: int, seed: int) -> Any:
        return np.random.default_rng(seed).choice(len(x), size, replace=False), np.full(size, len(x) / size)

    def ours(size: int, seed: int) -> Any:
        found = pick(x, loss, codes, class_sizes(codes, n_classes, size, 10, {}), seed)
        return found.rows, found.weights

    return {"uniform": uniform, "uniform in classes": lambda *draw: _uniform_in_classes(codes, *draw), "ours": ours}


def _probe(x: Any, codes: Any, weights: Any, rows: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=200 / rows, max_iter=300).fit(x * 10, codes, weights)


def _losses(fit: Any, x: Any, codes: Any, scale: float) -> Any:
    from scipy.special import log_softmax

    return -log_softmax(scale * fit.decision_function(x * 10), axis=1)[np.arange(len(x)), codes]


def _uniform_in_classes(codes: Any, size: int, seed: int) -> tuple[Any, Any]:
    """Rows drawn evenly, from every class in proportion to its size, and what each stands for."""
    from image_curation.core.importance.coreset import class_sizes

    rng = np.random.default_rng(seed)
    n_classes = int(codes.max()) + 1
    sizes = class_sizes(codes, n_classes, size, 1, {})
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
    with recorded(__file__):
        if sys.argv[1:2] == ["coresets"]:
            coresets(sys.argv[2:])
        elif sys.argv[1:] == ["seeds"]:
            both = {
                "Cleanlab": lambda table, seed: cleanlab(table, seed)[0],
                "ours": lambda table, seed: attention(table, seed=seed),
            }
            over_seeds(both, HUMAN | {name: make for name, make in PLANTED.items() if "copied" not in name}, score)
        else:
            main("Importance: attention", CONTESTANTS, HUMAN | PLANTED, score)
