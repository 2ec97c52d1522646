"""Planted slices of a model's errors: which of them are found, beside a mixture as in Domino and k-means with errors.

Ten classes are joined to five, two and two; three of the ten are slices that a model fails on. "rare": one of its
five's pictures in ten is of the slice, and half of those are wrong. "correlated": six in ten are taken for one other
class. "noisy": the model is right and four in ten labels are another class's. Elsewhere one in ten is wrong. Vectors
are those of scikit-learn's digits, and MobileNetV2's of 5,000 CIFAR-10 photographs. Settings were chosen on the first
half of the seeds; the other half was looked at once.

Precision at 10: of the ten rows deepest in the slice that matches best, how many are of the planted one (Eyuboglu et
al. 2022, arXiv:2203.14960); each contestant names ten slices at most. "No signal": errors are shared out at random;
then every slice is false.

    python benchmarks/failure_slices.py [seeds of each kind]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, recorded

KINDS = ("rare", "correlated", "noisy")
TOP, DEEPEST, COMPONENTS = 10, 10, 25


def sets() -> dict[str, tuple[Any, Any]]:
    """Name → (n, d) float32 unit vectors, and (n,) one of ten classes."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    found = {"digits": (digits.data.astype(np.float32), digits.target)}
    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz") as arrays:
        found["CIFAR-10"] = arrays["mobilenetv2"].astype(np.float32), arrays["clean"].astype(np.int64)
    for name, (x, fine) in found.items():
        x = x - x.mean(axis=0)
        found[name] = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9), fine
    return found


def planted(x: Any, fine: Any, kind: str, seed: int) -> tuple[Any, Any, Any, list[Any]]:
    """Vectors, given and predicted classes, and a (n,) bool per planted slice."""
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(10)
    joined = np.empty(10, dtype=np.int64)
    joined[mixed] = np.arange(10) // 2
    slices = mixed[:6:2]
    if kind == "rare":
        keep = np.ones(len(fine), dtype=bool)
        for one in slices:
            rows = np.flatnonzero(fine == one)
            keep[rng.permutation(rows)[len(rows) // 5 :]] = False  # about one in ten of its five
        x, fine = x[keep], fine[keep]
    given = joined[fine]
    predicted = _others(given, rng, np.full(len(given), 0.1))
    for one in slices:
        rows = np.flatnonzero(fine == one)
        if kind == "noisy":
            given[rows] = _others(given[rows], rng, np.full(len(rows), 0.4))
        elif kind == "correlated":
            taken_for = (joined[one] + 1 + rng.integers(4)) % 5
            predicted[rows] = np.where(rng.random(len(rows)) < 0.6, taken_for, given[rows])
        else:
            predicted[rows] = _others(given[rows], rng, np.full(len(rows), 0.5))
    return x, given, predicted, [fine == one for one in slices]


def _others(codes: Any, rng: Any, share: Any) -> Any:
    """The codes with a share of them another of the five."""
    other = (codes + 1 + rng.integers(4, size=len(codes))) % 5
    return np.where(rng.random(len(codes)) < share, other, codes)


def ours(x: Any, given: Any, predicted: Any) -> list[Any]:
    """Rows of each slice, the deepest first."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.failures.slices import failure_slices

    wrong = given != predicted
    found = failure_slices(x, given, wrong, np.arange(len(x)), 0.05, TOP, 51, silent)
    return [one.rows for one in found]


def mixture(x: Any, given: Any, predicted: Any) -> list[Any]:
    """Gaussians over 64 principal axes with a table of given and of predicted classes each, fitted together."""
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    z = PCA(min(64, x.shape[1]), random_state=0).fit_transform(x).astype(np.float64)
    hot = [np.eye(5)[codes] for codes in (given, predicted)]
    cell = given * 5 + predicted  # Domino begins with the cells of the confusion matrix
    largest = np.argsort(-np.bincount(cell, minlength=25))[:COMPONENTS]
    r = np.full((len(x), COMPONENTS), 0.1) + 0.1 * rng.random((len(x), COMPONENTS))
    for place, code in enumerate(largest):
        r[cell == code, place] += 1.0
    r /= r.sum(axis=1, keepdims=True)
    for _ in range(60):
        weight = r.sum(axis=0) + 1e-9
        mean = r.T @ z / weight[:, None]
        spread = np.maximum(r.T @ z**2 / weight[:, None] - mean**2, 1e-6 + 0.01 * z.var(axis=0))
        tables = [(r.T @ one + 0.1) / (weight[:, None] + 0.5) for one in hot]
        log = -0.5 * ((z**2) @ (1 / spread).T - 2 * z @ (mean / spread).T + (mean**2 / spread).sum(axis=1))
        log += np.log(weight / weight.sum()) - 0.5 * np.log(spread).sum(axis=1)
        log += 10 * sum(one @ np.log(table).T for one, table in zip(hot, tables, strict=True))
        log -= log.max(axis=1, keepdims=True)
        r = np.exp(log)
        r /= r.sum(axis=1, keepdims=True)
    differ = np.abs(tables[0] - tables[1]).sum(axis=1)
    return [np.argsort(-r[:, k], kind="stable") for k in np.argsort(-differ)[:TOP]]


def clusters(x: Any, given: Any, predicted: Any) -> list[Any]:
    """k-means of the vectors with the error beside them; the ten clusters with the highest share of errors."""
    from sklearn.cluster import KMeans

    wrong = (given != predicted).astype(np.float32)
    beside = np.hstack([x, wrong[:, None]])
    found = KMeans(COMPONENTS, n_init=3, random_state=0).fit(beside)
    rates = [wrong[found.labels_ == k].mean() for k in range(COMPONENTS)]
    away = found.transform(beside)
    out = []
    for k in np.argsort(rates)[::-1][:TOP]:
        rows = np.flatnonzero(found.labels_ == k)
        out.append(rows[np.argsort(away[rows, k], kind="stable")])
    return out


CONTESTANTS = {"ours": ours, "mixture as in Domino": mixture, "k-means with errors": clusters}


def precision(found: list[Any], slices: list[Any]) -> float:
    """Mean over the planted slices of the best precision at 10."""
    return float(np.mean([max((float(one[rows[:DEEPEST]].mean()) for rows in found), default=0.0) for one in slices]))


def main() -> None:
    """Measure, and print the tables."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    load_package()
    print(f"## Planted slices\n\n{machine()}\n")
    print("| set | planted | seeds | " + " | ".join(CONTESTANTS) + " | slices named |")
    print("|---" * (len(CONTESTANTS) + 4) + "|")
    for name, (x, fine) in sets().items():
        for kind in KINDS:
            for half, of_half in (("first half", range(seeds // 2)), ("second half", range(seeds // 2, seeds))):
                scores: dict[str, list[float]] = {who: [] for who in CONTESTANTS}
                named = []
                for seed in of_half:
                    vectors, given, predicted, slices = planted(x, fine, kind, seed)
                    for who, solve in CONTESTANTS.items():
                        found = solve(vectors, given, predicted)
                        scores[who].append(precision(found, slices))
                        named += [len(found)] if who == "ours" else []
                cells = [f"{np.mean(values):.3f}" for values in scores.values()]
                print(f"| {name} | {kind} | {half} | " + " | ".join(cells) + f" | {np.mean(named):.1f} |", flush=True)
    print("\n## Errors at random\n\n| set | times | slices named | times any was named |\n|---|---|---|---|")
    for name, (x, fine) in sets().items():
        counts = []
        for seed in range(5 * seeds):
            rng = np.random.default_rng(seed)
            given = fine // 2
            share = np.full(len(x), rng.uniform(0.02, 0.4))
            counts.append(len(ours(x, given, _others(given, rng, share))))
        print(f"| {name} | {len(counts)} | {sum(counts)} | {sum(count > 0 for count in counts)} |", flush=True)


if __name__ == "__main__":
    with recorded(__file__):
        main()
