"""Outliers: our score and flags against Cleanlab's Datalab, PyOD and scikit-learn, on thirteen sets with planted ones.

Foreign pictures come one at a time, in small groups of kin, and in bursts of near copies, among 300 to 5,000 others:
photographs, handwritten digits, CIFAR-10. Clean sets tell the false alarms. Each set is drawn twice; on those marked
"held out" nothing was chosen. The vectors of `photographs` are kept in the folder, so that a second run is quick.

    python benchmarks/outliers.py [--folder /tmp/outliers] [--only ours datalab] [--sets cifar] [--seeds 0 1]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import auto_sets
import numpy as np
from common import SHARED, cifar, load_package, machine, mnist, recorded
from PIL import Image, ImageEnhance

FOLDER = Path(tempfile.gettempdir()) / "outliers"
CLEAN_BUT_FOR = "The photographs of insects hold five odd files that were seen by eye."


def unit(x: Any) -> Any:
    """Rows of length one."""
    x = np.asarray(x, np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@cache
def objects() -> Any:
    """CIFAR-10, 10,000 rows."""
    return unit(cifar())


@cache
def mobilenet(source: str) -> Any:
    """MobileNetV2's vectors of a folder of photographs."""
    with np.load(SHARED / source / "embeddings_mobilenetv2.npz", allow_pickle=False) as arrays:
        return unit(arrays["emb"])


@cache
def photographs(name: str) -> Any:
    """The vectors of `photographs`, made once."""
    kept = FOLDER / f"{name}-lite0.npz"
    if not kept.exists():
        from image_curation.core.base.arrays import silent
        from image_curation.core.base.inputs import Inputs
        from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings

        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, picture in enumerate(PICTURES[name]()):
                paths.append(f"{folder}/{number:05d}.png")
                picture.save(paths[-1], compress_level=1)
            inputs = Inputs(n=len(paths), ids=paths, paths=paths)
            found = compute_embeddings(inputs, EmbeddingsParams(model="photographs"), silent)
        np.savez(kept, v=found.values[""])
    with np.load(kept, allow_pickle=False) as arrays:
        return unit(arrays["v"])


def bursts(source: Callable[[], Any], each: int, seed: int) -> Iterator[Any]:
    """So many cuttings of every picture, as a camera that is held down makes: shifted, tilted, lighter or darker."""
    rng = np.random.default_rng(seed)
    for picture in source():
        picture.thumbnail((400, 400))
        for _ in range(each):
            wide, high = picture.size
            share = rng.uniform(0.75, 0.95)
            left, top = rng.uniform(0, (1 - share) * wide), rng.uniform(0, (1 - share) * high)
            cut = picture.crop((int(left), int(top), int(left + share * wide), int(top + share * high)))
            yield ImageEnhance.Brightness(cut.rotate(rng.uniform(-4, 4))).enhance(rng.uniform(0.8, 1.2))


def shown(make: Callable[[], Any]) -> Callable[[], Iterator[Any]]:
    """The pictures of a set, without their classes."""
    return lambda: (picture.convert("RGB") for picture, _ in make())


PICTURES: dict[str, Callable[[], Iterator[Any]]] = {
    "coco": shown(auto_sets.street),
    "insects": shown(auto_sets.insects),
    "digits": shown(auto_sets.digits),
    "cocoburst": lambda: bursts(shown(auto_sets.street), 5, 0),
}


def take(x: Any, n: int, rng: Any) -> Any:
    """Random rows."""
    return x[rng.permutation(len(x))[:n]]


def near_copies(x: Any, each: int, rng: Any) -> Any:
    """Every row so many times, about .02 apart."""
    x = np.repeat(x, each, axis=0)
    return unit(x + rng.normal(size=x.shape) * np.sqrt(0.02 / x.shape[1]))


def kin(x: Any, sizes: list[int], rng: Any) -> Any:
    """Groups of rows that are nearest to one of them."""
    similar, left = x @ x.T, np.ones(len(x), bool)
    rows: list[int] = []
    for size in sizes:
        near = np.where(left, similar[rng.choice(np.flatnonzero(left))], -9)
        rows += np.argsort(-near)[:size].tolist()
        left[rows] = False
    return x[rows]


def small_digits() -> Any:
    """(1797, 64) pixels."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    return (found.data / 16).astype(np.float32)


def grey(side: int, n: int, rng: Any) -> Any:
    """CIFAR pictures as grey pixels, in [0, 1]."""
    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        pictures = arrays["images"][rng.choice(5000, n, False)]
    small = [Image.fromarray(one).convert("L").resize((side, side), Image.Resampling.BILINEAR) for one in pictures]
    return (np.stack([np.asarray(one, float) for one in small]) / 255).reshape(n, -1).astype(np.float32)


COCO, INSECTS = "coco256", "hymenoptera"
# name: usual rows and foreign ones; "held out" those on which nothing was chosen
PLANTED: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "CIFAR 1,000 + 20 single": lambda r: (take(objects()[:5000], 1000, r), take(mobilenet(COCO), 20, r)),
    "insects 300 + 5 single": lambda r: (take(mobilenet(INSECTS), 300, r), take(mobilenet(COCO), 5, r)),
    "bursts 1,100 + 60 single": lambda r: (photographs("cocoburst")[:1100], take(photographs("insects"), 60, r)),
    "digits 1,000 + 10 single": lambda r: (take(small_digits(), 1000, r), grey(8, 10, r)),
    "CIFAR 3,000 + groups of 4 to 9": lambda r: (
        take(objects()[:5000], 3000, r),
        kin(mobilenet(INSECTS), [4, 6, 9, 5], r),
    ),
    "CIFAR 5,000 + 12 bursts of 5": lambda r: (objects()[:5000], near_copies(take(mobilenet(COCO), 12, r), 5, r)),
    "CIFAR 5,000 + 60 single, held out": lambda r: (objects()[5000:], take(mobilenet(COCO), 60, r)),
    "insects 300 + 5 single, `photographs`, held out": lambda r: (
        take(photographs("insects"), 300, r),
        take(photographs("coco"), 5, r),
    ),
    "MNIST 2,000 + 20 single, held out": lambda r: (take(mnist(), 2000, r), grey(28, 20, r)),
    "CIFAR 2,000 + 60 of a kind, held out": lambda r: (
        take(objects()[5000:], 2000, r),
        take(mobilenet(INSECTS), 60, r),
    ),
    "CIFAR 1,500 + groups of 4 to 9, held out": lambda r: (
        take(objects()[5000:], 1500, r),
        kin(mobilenet(COCO), [4, 7, 9], r),
    ),
    "digits 1,000 + 3 bursts of 5, `photographs`, held out": lambda r: (
        photographs("digits"),
        photographs("cocoburst")[:15],
    ),
    "insects 300 + 2 bursts of 5, `photographs`, held out": lambda r: (
        take(photographs("insects"), 300, r),
        photographs("cocoburst")[50:60],
    ),
}
CLEAN: dict[str, Callable[[Any], Any]] = {
    "CIFAR 60": lambda r: take(objects()[:5000], 60, r),
    "CIFAR 1,000": lambda r: take(objects()[:5000], 1000, r),
    "CIFAR 5,000": lambda r: objects()[:5000],
    "insects 398": lambda r: mobilenet(INSECTS),
    "street scenes 256": lambda r: mobilenet(COCO),
    "digits 1,797": lambda r: small_digits(),
    "bursts 1,280, `photographs`": lambda r: photographs("cocoburst"),
    "random 300": lambda r: r.normal(size=(300, 64)).astype(np.float32),
    "CIFAR 300, held out": lambda r: take(objects()[5000:], 300, r),
    "CIFAR 2,000, held out": lambda r: take(objects()[5000:], 2000, r),
    "CIFAR 5,000, held out": lambda r: objects()[5000:],
    "insects 396, `photographs`, held out": lambda r: photographs("insects"),
    "street scenes 256, `photographs`, held out": lambda r: photographs("coco"),
    "digits 1,000, `photographs`, held out": lambda r: photographs("digits"),
    "MNIST 2,000, held out": lambda r: take(mnist(), 2000, r),
}

Found = tuple[Any, Any, Any]  # (n,) score, high is strange; (n,) flags or None; (n,) members of tiny clusters or None


def ours(x: Any) -> Found:
    """`find_outliers` as it is."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.quality.find_outliers import OutliersParams, find_outliers

    values = find_outliers(Inputs(n=len(x), embeddings=x), OutliersParams(), silent).values
    return values["score"], values["is_outlier"], values["is_edge_case"]


def datalab(x: Any) -> Found:
    """Cleanlab's, by the features, as its guide shows."""
    from cleanlab import Datalab

    lab = Datalab({"row": list(range(len(x)))}, verbosity=0)
    lab.find_issues(features=x, issue_types={"outlier": {}})
    found = lab.get_issues("outlier")
    return -found["outlier_score"].to_numpy(), found["is_outlier_issue"].to_numpy(), None


def local_factor(x: Any) -> Found:
    """scikit-learn's, 20 neighbors, cosine; its own flags."""
    from sklearn.neighbors import LocalOutlierFactor

    model = LocalOutlierFactor(metric="cosine", algorithm="brute")
    flags = model.fit_predict(x) < 0
    return -model.negative_outlier_factor_, flags, None


def forest(x: Any) -> Found:
    """scikit-learn's isolation forest; its own flags."""
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(random_state=0).fit(x)
    return -model.score_samples(x), model.predict(x) < 0, None


def pyod(name: str) -> Callable[[Any], Found]:
    """A detector of PyOD with its defaults. Its flags are a tenth of the set, whatever it is."""

    def solve(x: Any) -> Found:
        from importlib import import_module

        model = getattr(import_module(f"pyod.models.{name.lower()}"), name)().fit(x)
        return model.decision_scores_, model.labels_ > 0, None

    return solve


CONTESTANTS: dict[str, Callable[[Any], Found]] = {
    "ours": ours,
    "datalab": datalab,
    "local outlier factor": local_factor,
    "isolation forest": forest,
    "ECOD": pyod("ECOD"),
    "COPOD": pyod("COPOD"),
    "LUNAR": pyod("LUNAR"),
}


MOST = {"LUNAR": 500}  # rows above which a contestant is left out: it trains a network for minutes


def solved(name: str, x: Any) -> Found:
    """What a contestant finds, without what it prints."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return CONTESTANTS[name](x)


def f1(flags: Any, wrong: Any) -> float:
    """Of precision and recall."""
    return 2 * float((flags & wrong).sum()) / max(float(flags.sum() + wrong.sum()), 1)


def main() -> None:
    """Print the tables."""
    from sklearn.metrics import average_precision_score

    global FOLDER
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS))
    parser.add_argument("--sets", default="", help="only sets whose names hold this")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    FOLDER = given.folder
    load_package()
    print(f"## Planted\n\n{machine()} Average precision / F1 of the flags, means of {len(given.seeds)} draws.\n")
    print("| set | " + " | ".join(given.only) + " | ours, in tiny clusters |\n" + "|---" * (len(given.only) + 2) + "|")
    seconds = dict.fromkeys(given.only, 0.0)
    for name in (one for one in PLANTED if given.sets in one):
        told: dict[str, list[tuple[float, float]]] = {one: [] for one in given.only}
        clusters = ""
        for seed in given.seeds:
            rng = np.random.default_rng(seed)
            usual, foreign = PLANTED[name](rng)
            order = rng.permutation(len(usual) + len(foreign))
            x, wrong = np.concatenate([usual, foreign])[order], order >= len(usual)
            for one in (one for one in given.only if len(x) <= MOST.get(one, len(x))):
                began = time.process_time()
                score, flags, cluster = solved(one, x)
                seconds[one] += time.process_time() - began
                told[one].append((float(average_precision_score(wrong, score)), f1(flags, wrong)))
                if cluster is not None:
                    clusters += f" {cluster[wrong].sum()} of {wrong.sum()}, {cluster[~wrong].sum()} others;"
        cells = [
            " / ".join(f"{value:.3f}"[:4].lstrip("0") for value in np.mean(told[one], axis=0)) if told[one] else "–"
            for one in told
        ]
        print(f"| {name} | " + " | ".join(cells) + f" |{clusters[:-1]} |", flush=True)
    print("| CPU s, all | " + " | ".join(f"{seconds[one]:.0f}" for one in given.only) + " | |")
    print(f"\n## Clean\n\nShare of a set that is flagged. {CLEAN_BUT_FOR}\n")
    print("| set | ours | ours, in tiny clusters | Datalab |\n|---|---|---|---|")
    for name in (one for one in CLEAN if given.sets in one):
        x = CLEAN[name](np.random.default_rng(0))
        _, flags, cluster = solved("ours", x)
        theirs = solved("datalab", x)[1]
        print(f"| {name} | {flags.mean():.2%} | {cluster.mean():.2%} | {theirs.mean():.2%} |", flush=True)


if __name__ == "__main__":
    with recorded(__file__):
        main()
