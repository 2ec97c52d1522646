"""Orders of similar images: length and time against MLfix's greedy chain, and how soon planted errors are seen.

Length: sum of Euclidean distances from one unit vector to the next. MLfix's chain is run on the vectors themselves, not
on its visual words, which favours it. Times leave out the shared neighbor graph, as the order finds it made already;
CPU seconds with one BLAS thread for either. No order can be shorter than the bound (Held & Karp 1970,
https://doi.org/10.1287/opre.18.6.1138): a minimum spanning tree under penalties that make its degrees nearly two.

Errors: a tenth of the labels is changed to another class; every class is ordered by itself. The reviewer looks at every
tenth image; where one is wrong, also at those beside it, both ways until two right ones in a row; then at those
between, and so on. Counted are the images looked at until 90 % of the errors are found, as a share of all, mean of five
plantings.

python benchmarks/order.py            length and time, then errors
python benchmarks/order.py bound      how short an order of the same 6,000 can be at all
python benchmarks/order.py large      200,000 x 64
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import cifar, load_package, machine, mnist, recorded, synthetic
from numba import njit
from selection import SETS, unit
from threadpoolctl import threadpool_limits


def chain(x: Any) -> Any:
    """MLfix's greedy chain, written faster: one product and one sort of all rows in every step."""
    order, seen = [0], np.zeros(len(x), dtype=bool)
    seen[0] = True
    for _ in range(len(x) - 1):
        ranked = np.argsort(-(x @ x[order[-1]]))
        order.append(int(ranked[np.argmax(~seen[ranked])]))
        seen[order[-1]] = True
    return np.array(order)


def chain_as_it_is(x: Any, order: Any, every: int = 50) -> float:
    """CPU seconds of MLfix's own loop along its order: distances to all rows left, gathered anew, and sorted.

    Every 50th step is run; the others take about as long as those beside them.
    """
    seconds = 0.0
    for step in range(0, len(order) - 1, every):
        left = order[step + 1 :].tolist()
        began = time.process_time()
        np.linalg.norm(x[order[step]] - x[left], axis=-1).argsort()
        seconds += time.process_time() - began
    return seconds * every


def ours(x: Any) -> tuple[Any, float]:
    """`similarity_order` and its CPU seconds after the graph."""
    from image_curation.core.neighbors.graph import build_graph
    from image_curation.core.selection.order_by_similarity import similarity_order

    similarity_order(x[:500], None)
    graph = build_graph(x, k=24)
    began = time.process_time()
    order = similarity_order(x, graph)
    return order, time.process_time() - began


LARGE: dict[str, Callable[[], Any]] = {
    "synthetic, 512": lambda: synthetic(6_000, 512, 600),
    "MNIST pixels": lambda: unit(mnist()[:6_000]),
    "CIFAR-10, MobileNetV2": lambda: unit(cifar()[:6_000]),
}


def lengths() -> None:
    """Print length and time at 6,000."""
    from image_curation.core.selection.order_by_similarity import step_lengths

    print(
        "| 6,000 of | ours, length of greedy's | MLfix's loop, CPU s | the same chain by products | ours |\n"
        "|---|---|---|---|---|"
    )
    for name, make in LARGE.items():
        x = make()
        order, seconds = ours(x)
        assert sorted(order.tolist()) == list(range(len(x)))
        began = time.process_time()
        greedy = chain(x)
        peer = time.process_time() - began
        ratio = step_lengths(x, order).sum() / step_lengths(x, greedy).sum()
        print(f"| {name} | {ratio:.4f} | {chain_as_it_is(x, greedy):.0f} | {peer:.1f} | {seconds:.2f} |", flush=True)


def bound(turns: int = 90) -> None:
    """Print the least length of any order, by penalties from 90 turns of a subgradient, beside greedy's."""
    from image_curation.core.selection.order_by_similarity import step_lengths

    print("| 6,000 of | no order is shorter than, of greedy's |\n|---|---|")
    for name, make in LARGE.items():
        x = make()
        distances = np.sqrt(np.maximum(2 - 2 * (x @ x.T), 0)).astype(np.float32)
        penalty, before, least, step = np.zeros(len(x)), np.zeros(len(x)), 0.0, 0.02
        for _ in range(turns):
            total, degree = _spanning_tree(distances, penalty)
            # a path is a spanning tree with two rows of degree one, whose penalties count once only
            least = max(least, total + 2 * penalty.sum() - np.sort(penalty)[-2:].sum())
            penalty = penalty - step * (0.7 * (degree - 2) + 0.3 * before)
            before, step = degree - 2.0, 0.955 * step
        print(f"| {name} | {least / step_lengths(x, chain(x)).sum():.4f} |", flush=True)


@njit
def _spanning_tree(distances: Any, penalty: Any) -> Any:
    """Weight of the minimum spanning tree of d(i, j) - penalty i - penalty j, and the degrees of its rows (Prim)."""
    n = len(penalty)
    nearest, parent = np.full(n, np.inf), np.zeros(n, np.int64)
    waits, degree = np.ones(n, np.bool_), np.zeros(n, np.int64)
    newest, total = 0, 0.0
    waits[0] = False
    for _ in range(n - 1):
        least, chosen = np.inf, -1
        for row in range(n):
            if waits[row]:
                weight = distances[newest, row] - penalty[newest] - penalty[row]
                if weight < nearest[row]:
                    nearest[row], parent[row] = weight, newest
                if nearest[row] < least:
                    least, chosen = nearest[row], row
        total += least
        degree[chosen] += 1
        degree[parent[chosen]] += 1
        waits[chosen] = False
        newest = chosen
    return total, degree


def viewed(order: Any, wrong: Any, found: float = 0.9) -> float:
    """Share of the images looked at until that share of the wrong ones is found."""
    along = wrong[order]
    n, wanted = len(along), found * along.sum()
    seen = np.zeros(n, dtype=bool)
    for offset in (0, 5, 2, 7, 1, 3, 4, 6, 8, 9):
        for start in range(offset, n, 10):
            if seen[start]:
                continue
            seen[start] = True
            for step in (-1, 1) if along[start] else ():
                at, right = start + step, 0
                while 0 <= at < n and right < 2:
                    right = 0 if along[at] else right + 1
                    seen[at] = True
                    at += step
            if along[seen].sum() >= wanted:
                return float(seen.mean())
    return 1.0


def errors(seeds: int = 5) -> None:
    """Print images viewed to find 90 % of planted errors."""
    from image_curation.core.selection.order_by_similarity import similarity_order

    print("\n| 10 % planted errors | random | greedy | ours |\n|---|---|---|---|")
    for name in ("digits", "CIFAR-10", "planted groups"):
        table = SETS[name]()
        results: dict[str, list[float]] = {"random": [], "greedy": [], "ours": []}
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            classes = int(table.classes.max()) + 1
            wrong = rng.random(len(table.x)) < 0.1
            shift = rng.integers(1, classes, len(table.x))
            given = np.where(wrong, (table.classes + shift) % classes, table.classes)
            parts = [np.flatnonzero(given == code) for code in np.unique(given)]
            for contestant, solve in (
                ("random", lambda x, rng=rng: rng.permutation(len(x))),
                ("greedy", chain),
                ("ours", lambda x: similarity_order(np.ascontiguousarray(x), None)),
            ):
                order = np.concatenate([rows[solve(table.x[rows])] for rows in parts])
                results[contestant].append(viewed(order, wrong))
        print(f"| {name} | " + " | ".join(f"{np.mean(shares):.1%}" for shares in results.values()) + " |", flush=True)


def large(n: int = 200_000, d: int = 64) -> None:
    """Print time at 200,000."""
    from image_curation.core.selection.order_by_similarity import step_lengths

    x = synthetic(n, d)
    order, seconds = ours(x)
    assert np.array_equal(np.sort(order), np.arange(n))
    print(f"{n:,} x {d}: {seconds:.1f} CPU seconds after the graph, mean step {step_lengths(x, order).mean():.4f}")


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        print(f"## Order\n\n{machine()}\n")
        with threadpool_limits(1):
            if sys.argv[1:] == ["large"]:
                large()
            elif sys.argv[1:] == ["bound"]:
                bound()
            else:
                lengths()
                errors()
