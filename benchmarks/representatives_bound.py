"""How small can the loss of k medoids be? A lower bound for all rows, beside the loss that ours finds.

The Lagrangian dual of the p-median problem (Cornuejols, Fisher & Nemhauser 1977, doi:10.1287/mnsc.23.8.789): if row j
pays u_j, candidate i saves s_i = sum over j of max(u_j - d_ij, 0), and

    sum of u_j - sum of the k largest s_i

is at most the loss of any k medoids, whatever u is. Subgradient steps raise it over few candidates: central rows of our
clusters first, later those that saved most in the last exact round, which asks all rows. Only exact rounds count.

python benchmarks/representatives_bound.py [rows] [seconds]      100,000 and 700: two cores, 3 GB
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from common import load_package, machine, recorded, synthetic

K = 100
CENTRAL, ADDED = 20, 600  # candidates of each cluster at first, and more after each exact round
STEPS, PATIENCE = 250, 6


def bound(x: Any, medoids: Any, seconds: float) -> None:
    """Print the bound of each exact round. Vectors (n, d) float32 of unit length."""
    from numba import njit, prange

    @njit(parallel=True, fastmath=True)
    def saved(distances: Any, pays: Any) -> Any:
        out = np.zeros(len(distances))
        for i in prange(len(distances)):
            total = 0.0
            for start in range(0, distances.shape[1], 4096):
                part = np.float32(0)
                for j in range(start, min(start + 4096, distances.shape[1])):
                    part += max(pays[j] - distances[i, j], np.float32(0))
                total += part
            out[i] = total
        return out

    def value(savings: Any) -> float:
        return float(pays.sum(dtype=np.float64) - np.sort(savings)[-K:].sum())

    n, began = len(x), time.perf_counter()
    ours = _distances(x, medoids)
    loss = float(ours.min(axis=0).sum(dtype=np.float64))
    two = np.partition(ours, 1, axis=0)[:2]
    candidates = np.union1d(_central(x, ours.argmin(axis=0)), medoids)
    distances = _distances(x, candidates)
    pays = (0.65 * two[0] + 0.35 * two[1]).astype(np.float32)
    step = 1.0
    print(f"{n:,} x {x.shape[1]}, k = {K}: ours {loss / n:.5f}", flush=True)
    while time.perf_counter() - began < seconds:
        best, kept, stalled = -np.inf, pays, 0
        for _ in range(STEPS):
            savings = saved(distances, pays)
            reached = value(savings)
            if reached > best + 2e-6 * abs(best) or best == -np.inf:
                best, kept, stalled = reached, pays, 0
            elif stalled < PATIENCE:
                stalled += 1
            else:
                step, stalled, pays = 0.7 * step, 0, kept
            chosen = np.argpartition(-savings, K)[:K]
            slope = 1 - (distances[chosen] < pays).sum(axis=0)
            if step < 0.005 or not slope.any():
                break
            pays = pays + np.float32(step * (loss - reached) / float(slope @ slope)) * slope.astype(np.float32)
        pays = kept
        blocks = [np.arange(start, min(start + 2000, n)) for start in range(0, n, 2000)]
        everyone = np.concatenate([saved(_distances(x, block), pays) for block in blocks])
        reached = value(everyone)
        print(
            f"{time.perf_counter() - began:.0f} s: no {K} of {len(candidates):,} candidates below {best / n:.5f}; "
            f"no {K} rows below {reached / n:.5f}, {reached / loss:.4f} of ours",
            flush=True,
        )
        if reached >= best * (1 - 1e-5):
            break  # nobody outside the candidates saves more
        added = np.setdiff1d(np.argsort(-everyone)[:ADDED], candidates)
        candidates, step = np.concatenate([candidates, added]), max(step, 0.15)
        distances = np.concatenate([distances, _distances(x, added)])


def _distances(x: Any, rows: Any) -> Any:
    return np.maximum(1 - x[rows] @ x.T, 0)


def _central(x: Any, nearest: Any) -> Any:
    """Rows of each cluster nearest to its mean."""
    found = []
    for cluster in range(K):
        members = np.flatnonzero(nearest == cluster)
        found.append(members[np.argsort(-(x[members] @ x[members].mean(axis=0)))[:CENTRAL]])
    return np.concatenate(found)


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        from image_curation.core.representatives.k_medoids import k_medoids

        given = [float(number) for number in sys.argv[1:]]
        rows, limit = given + [100_000, 700][len(given) :]
        vectors = synthetic(int(rows))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        print(f"## A bound on the loss of medoids\n\n{machine()}\n")
        bound(vectors, k_medoids(vectors, K).indices, limit)
