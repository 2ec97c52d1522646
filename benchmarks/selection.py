"""Subsets: ours by purpose, against the mean of 20 random subsets and against peers, on five splits of every set.

They hold 3 % of the samples, at least 20. A third of every set is held out; the rest is chosen from; a split is another
third. Distances are cosine distances to the nearest chosen sample. Rare groups are the smallest that together hold a
tenth of the samples: of planted groups, of CIFAR-10's sub-categories (passerine, pekinese; in the file names), else of
k-medoid clusters. The probe is scikit-learn's logistic regression, trained on the chosen samples alone; what it gains
is also told as a share of what training it on all samples that may be chosen gains. Vectors of more than 256 dimensions
are cut to their 128 strongest, by singular values, for time. Figures are means over the splits, with the standard error
of the mean.

python benchmarks/selection.py                the tables
python benchmarks/selection.py held-out       the tables of sets on which nothing was ever chosen
python benchmarks/selection.py million        time and memory on 1,000,000 x 64
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from common import SHARED, load_package, machine, mnist, recorded

SEEDS = 20
SPLITS = 5
SHARE = 0.03
PURPOSES = (
    "label_first",
    "balanced_training_set",
    "cover_everything",
    "hold_out_test_set",
    "remove_redundancy",
    "edge_cases",
)


@dataclass(frozen=True)
class Table:
    """A set: unit rows, classes, and groups where they are known."""

    x: Any
    classes: Any
    groups: Any | None = None


def unit(x: Any) -> Any:
    """Rows of unit length."""
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def planted(n: int = 6000, d: int = 256, seed: int = 0) -> Table:
    """900 groups of heavy-tailed sizes in 20 classes of uneven sizes: half of the groups have one or two samples."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, 21) ** 1.3
    classes = rng.choice(20, size=900, p=shares / shares.sum())
    centres = rng.normal(size=(20, d))[classes] + 0.8 * rng.normal(size=(900, d))
    sizes = rng.pareto(1.0, size=900) + 0.02
    group = rng.choice(900, size=n, p=sizes / sizes.sum())
    return Table(unit(centres[group] + 0.5 * rng.normal(size=(n, d))), classes[group], group)


def cifar() -> Table:
    """5,000 CIFAR-10 images, MobileNetV2, true classes, sub-categories as groups."""
    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        groups = np.unique([name.rpartition("_s_")[0] for name in arrays["filename"].tolist()], return_inverse=True)[1]
        return Table(unit(arrays["mobilenetv2"].astype(np.float32)), arrays["clean"].astype(np.int64), groups)


def digits() -> Table:
    """scikit-learn's 1,797 digits, pixels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return Table(unit(data.data + 1e-3), data.target.astype(np.int64))


def ants_and_bees() -> Table:
    """398 photos of ants and bees, the descriptor that needs no weights."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings

    paths = sorted(path for path in (SHARED / "hymenoptera").rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    inputs = Inputs(n=len(paths), paths=[str(path) for path in paths])
    vectors = np.asarray(compute_embeddings(inputs, EmbeddingsParams(model="descriptor"), silent).values[""])
    known = np.isfinite(vectors).all(axis=1)
    classes = np.array([path.parent.name == "bees" for path in paths], dtype=np.int64)
    return Table(unit(vectors[known]), classes[known])


def ants_and_bees_by_a_network() -> Table:
    """The same photos, MobileNetV2."""
    with np.load(SHARED / "hymenoptera" / "embeddings_mobilenetv2.npz", allow_pickle=False) as arrays:
        classes = np.array(["bees" in path.split("/") for path in arrays["paths"].tolist()], dtype=np.int64)
        return Table(unit(arrays["emb"].astype(np.float32)), classes)


def mnist_digits(rows: slice = slice(5_000)) -> Table:
    """The first 5,000 of MNIST's test images, pixels, or others."""
    with np.load(SHARED / "label_errors" / "mnist_test.npz", allow_pickle=False) as arrays:
        return Table(unit(mnist()[rows]), arrays["labels"][rows].astype(np.int64))


def wines() -> Table:
    """scikit-learn's 178 wines of three growers: 13 measurements, standardised."""
    from sklearn.datasets import load_wine

    data = load_wine()
    return Table(unit((data.data - data.data.mean(axis=0)) / data.data.std(axis=0)), data.target.astype(np.int64))


def tumours() -> Table:
    """scikit-learn's 569 breast tumours, benign or malign: 30 measurements of cell nuclei, standardised."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    return Table(unit((data.data - data.data.mean(axis=0)) / data.data.std(axis=0)), data.target.astype(np.int64))


def long_tailed(table: Table, decades: float) -> Table:
    """The same with class c cut to 10^(-decades c / 9) of its samples."""
    rng = np.random.default_rng(0)
    kept = []
    for code in np.unique(table.classes):
        rows = np.flatnonzero(table.classes == code)
        kept.append(rng.choice(rows, int(len(rows) * 10 ** (-decades * code / 9)), replace=False))
    rows = np.sort(np.concatenate(kept))
    return Table(table.x[rows], table.classes[rows], None if table.groups is None else table.groups[rows])


SETS: dict[str, Callable[[], Table]] = {
    "planted groups": planted,
    "CIFAR-10": cifar,
    "CIFAR-10, long-tailed": lambda: long_tailed(cifar(), 1.5),
    "digits": digits,
    "digits, long-tailed": lambda: long_tailed(digits(), 1.2),
    "MNIST": mnist_digits,
    "ants and bees, descriptor": ants_and_bees,
    "ants and bees, MobileNetV2": ants_and_bees_by_a_network,
}


HELD_OUT: dict[str, Callable[[], Table]] = {
    "MNIST, last 5,000": lambda: mnist_digits(slice(5_000, None)),
    "its long tail": lambda: long_tailed(mnist_digits(slice(5_000, None)), 1.5),
    "other planted groups": lambda: planted(5_000, 96, seed=1_000),
    "tumours": tumours,
    "wines": wines,
}


def few_dimensions(table: Table) -> Table:
    """The table in its 128 strongest directions."""
    if table.x.shape[1] <= 256:
        return table
    wide = table.x.astype(np.float64)
    directions = np.linalg.eigh(wide.T @ wide)[1][:, -128:]
    return Table(unit(wide @ directions), table.classes, table.groups)


def ours(purpose: str) -> Callable[[Table, int], Any]:
    """`select_subset`, its graph built from nothing; labels are seen only by purposes that balance classes."""

    def solve(table: Table, size: int) -> Any:
        from image_curation.core.base.arrays import silent
        from image_curation.core.base.inputs import GivenLabels, Inputs
        from image_curation.core.selection.purposes import PURPOSES as WEIGHTS
        from image_curation.core.selection.select_subset import select_subset
        from image_curation.core.selection.subset_params import SubsetParams

        labels = GivenLabels.of([f"{code:02d}" for code in table.classes])
        field = "labels" if WEIGHTS[purpose].balance != "none" else None
        inputs = Inputs(n=len(table.x), embeddings=table.x, labels=labels if field else None)
        values = select_subset(inputs, SubsetParams(purpose=purpose, n=size, label_field=field), silent).values
        return np.flatnonzero(values["selected"])

    return solve


def k_means(table: Table, size: int) -> Any:
    """The samples nearest to k-means centres."""
    from sklearn.cluster import KMeans

    found = KMeans(size, n_init=1, random_state=0).fit(table.x)
    return np.unique((table.x @ unit(found.cluster_centers_).T).argmax(axis=0))


def typiclust(table: Table, size: int) -> Any:
    """The most typical sample (20 neighbors) of each k-means cluster (Hacohen et al. 2022)."""
    from sklearn.cluster import KMeans

    cluster = KMeans(size, n_init=1, random_state=0).fit(table.x).labels_
    near = np.sort(1 - table.x @ table.x.T, axis=1)[:, 1:21].mean(axis=1)
    return np.array([rows[np.argmin(near[rows])] for c in range(size) if len(rows := np.flatnonzero(cluster == c))])


def k_center(table: Table, size: int) -> Any:
    """Farthest first, from the first sample (core-set, Sener & Savarese 2018)."""
    chosen, near = [0], 1 - table.x @ table.x[0]
    while len(chosen) < size:
        chosen.append(int(near.argmax()))
        near = np.minimum(near, 1 - table.x @ table.x[chosen[-1]])
    return np.array(chosen)


def probcover(table: Table, size: int) -> Any:
    """Largest balls first (Yehuda et al. 2022), their radius the median distance to the tenth neighbor."""
    distances = 1 - table.x @ table.x.T
    reached = distances <= np.median(np.partition(distances, 10, axis=1)[:, 10])
    chosen: list[int] = []
    while len(chosen) < size:
        chosen.append(int(reached.sum(axis=1).argmax()))
        reached[:, reached[chosen[-1]]] = False
    return np.unique(chosen)


def hierarchical(table: Table, size: int) -> Any:
    """k-means of k-means centres, then as many of each upper cluster as can be (Vo et al. 2024), central ones first."""
    from sklearn.cluster import KMeans

    lower = KMeans(min(3 * size, len(table.x) // 2), n_init=1, random_state=0).fit(table.x)
    upper = KMeans(max(size // 5, 2), n_init=1, random_state=0).fit(unit(lower.cluster_centers_)).labels_
    nearest = np.unique((table.x @ unit(lower.cluster_centers_).T).argmax(axis=0))
    weight = np.bincount(lower.labels_)[lower.labels_[nearest]]
    queues = [
        nearest[of][np.argsort(-weight[of])].tolist()
        for c in np.unique(upper)
        if len(of := np.flatnonzero(upper[lower.labels_[nearest]] == c))
    ]
    turns = [queue[place] for place in range(max(map(len, queues))) for queue in queues if place < len(queue)]
    return np.array(turns[:size])


CONTESTANTS: dict[str, Callable[[Table, int], Any]] = {
    "k-means, nearest": k_means,
    "TypiClust": typiclust,
    "ProbCover": probcover,
    "hierarchical k-means": hierarchical,
    "k-center": k_center,
    **{f"ours, {purpose.replace('_', ' ')}": ours(purpose) for purpose in PURPOSES},
}


def score(table: Table, test: Table, rare: Any, rows: Any) -> Any:
    """Mean distance, share of rare groups hit, accuracy and balanced accuracy."""
    distance = (1 - table.x @ table.x[rows].T).min(axis=1)
    distance[rows] = 0
    assert table.groups is not None
    return np.array([distance.mean(), np.isin(rare, table.groups[rows]).mean(), *probed(table, test, rows)])


def probed(table: Table, test: Table, rows: Any) -> tuple[float, float]:
    """Accuracy and balanced accuracy of a probe trained on these rows."""
    from sklearn.linear_model import LogisticRegression

    given = table.classes[rows]
    if len(np.unique(given)) > 1:
        predicted = LogisticRegression(C=1.0, max_iter=200).fit(10 * table.x[rows], given).predict(10 * test.x)
    else:
        predicted = np.full(len(test.x), given[0])
    right = predicted == test.classes
    return right.mean(), np.mean([right[test.classes == code].mean() for code in np.unique(test.classes)])


def one_split(whole: Table, split: int) -> tuple[dict[str, Any], Any, tuple[int, int, int], tuple[float, float]]:
    """Scores of every contestant, (SEEDS, 4) of random subsets, sizes (subset, pool, rare groups), a probe on all."""
    from image_curation.core.selection.coverage import ground

    order = np.random.default_rng(split).permutation(len(whole.x))
    cut = len(order) // 3
    test, pool = np.sort(order[:cut]), np.sort(order[cut:])
    held = Table(whole.x[test], whole.classes[test])
    groups = None if whole.groups is None else np.unique(whole.groups[pool], return_inverse=True)[1]
    on = ground(whole.x[pool], cluster=groups, seed=split)
    table = Table(whole.x[pool], whole.classes[pool], on.cluster)
    size = max(round(SHARE * len(pool)), 20)
    draws = [np.random.default_rng(seed).choice(len(pool), size, replace=False) for seed in range(SEEDS)]
    random = np.array([score(table, held, on.rare, rows) for rows in draws])
    found = {name: score(table, held, on.rare, solve(table, size)) for name, solve in CONTESTANTS.items()}
    return found, random, (size, len(pool), len(on.rare)), probed(table, held, np.arange(len(pool)))


def tables(names: list[str]) -> None:
    """Print a line per set as it is done, then the tables: contestants down, sets across."""
    from threadpoolctl import threadpool_limits

    print(f"## Subsets\n\n{machine()}\n")
    sets = SETS | HELD_OUT
    names = list(HELD_OUT) if names == ["held-out"] else names or list(SETS)
    cells: dict[str, list[list[str]]] = {name: [] for name in CONTESTANTS}
    for name in names:
        whole = few_dimensions(sets[name]())
        with threadpool_limits(1):
            splits = [one_split(whole, split) for split in range(SPLITS)]
        random = np.array([one[1] for one in splits])
        mean, spread = random.mean(axis=(0, 1)), random.std(axis=1).mean(axis=0)
        size, n, _ = splits[0][2]
        possible = float(np.mean([min(1.0, size / one[2][2]) for one in splits]))
        ceiling = float(np.mean([one[3][1] for one in splits]))
        print(
            f"{name}, {size} of {n:,}: random subsets hit {mean[1]:.0%} of rare groups, {possible:.0%} is possible; "
            f"accuracy {mean[2]:.1%} ± {spread[2]:.1%}, balanced {mean[3]:.1%} ± {spread[3]:.1%}; "
            f"trained on all {n:,} it has {ceiling:.1%}",
            flush=True,
        )
        for contestant in CONTESTANTS:
            ratios, gains = [], []
            for found, others, *_ in splits:
                ratios.append(found[contestant][0] / others[:, 0].mean())
                gains.append(100 * (found[contestant] - others.mean(axis=0)))
            hit = float(np.mean([found[contestant][1] for found, *_ in splits]))
            error = np.std(gains, axis=0, ddof=1) / np.sqrt(SPLITS)
            gain = np.mean(gains, axis=0)
            cells[contestant].append(
                [
                    f"{np.mean(ratios):.3f}",
                    f"{hit:.0%}, {hit / mean[1]:.1f}",
                    f"{gain[2]:+.1f} ± {error[2]:.1f}",
                    f"{gain[3]:+.1f} ± {error[3]:.1f}",
                    f"{gain[3] / 100 / (ceiling - mean[3]):.0%}",
                ]
            )
    titles = (
        "Mean distance, of random's",
        "Rare groups hit; as a multiple of random's",
        "Accuracy, points above random's",
        "Balanced accuracy, points above random's",
        "The same as a share of what training on all samples gains",
    )
    for number, title in enumerate(titles):
        print(f"\n### {title}\n\n| | {' | '.join(names)} |\n|---{'|---' * len(names)}|")
        for contestant, by_set in cells.items():
            print(f"| {contestant} | {' | '.join(cell[number] for cell in by_set)} |")


def million(n: int = 1_000_000, d: int = 64) -> None:
    """Time and peak memory of choosing among a million; the graph is not part of it."""
    from common import synthetic
    from image_curation.core.selection.greedy import Pool, nearest_of, pick

    x = synthetic(n, d, 4_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yes = np.ones(n, dtype=np.bool_)
    pool = Pool(x, yes, ~yes, np.ones(n), yes, np.arange(n), np.full(n, -1))
    some = np.random.default_rng(0).choice(n, 5_000, replace=False)
    print(
        "| of 1,000,000 x 64 | CPU seconds | peak MB beyond the vectors | mean distance, of random's |\n"
        + "|---" * 4
        + "|"
    )
    for size in (1_000, 10_000):
        began = time.process_time()
        rows = pick(pool, size, 0.5).rows
        seconds = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
        random = np.random.default_rng(1).choice(n, size, replace=False)
        ratio = nearest_of(x[some], x[rows]).mean() / nearest_of(x[some], x[random]).mean()
        print(f"| {size:,} | {seconds:.0f} | {peak:,.0f} | {ratio:.3f} |", flush=True)


if __name__ == "__main__":
    with recorded(__file__):
        load_package()
        if sys.argv[1:2] == ["million"]:
            million()
        else:
            tables(sys.argv[1:])
