"""Every method that reads vectors alone: hostile vectors, rows in another order, other units, another process.

One loop over the catalog, so that a new method is tested by being listed. What pictures and databases do to methods is
tested in `tests/dataset`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import LabelValues, Neighbors, Point, Vector
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.method import Method
from image_curation.core.base.params import ParamError, domains, roles
from image_curation.core.base.threads import blas_threads
from image_curation.core.catalog import METHODS, method_named

N = 60
# Those that need a model, a file or labels of another kind have tests of their own.
ELSEWHERE = {"import_embeddings", "tag_zero_shot", "find_multilabel_issues"}
ALONE = [
    method
    for method in METHODS
    if "embeddings" in {role for name, role in roles(method.params).items() if domains(method.params)[name].default}
    and method.name not in ELSEWHERE
]
GIVEN: dict[str, dict[str, Any]] = {
    "compute_map": {"method": "pca"},
    "find_duplicates": {"exact": False, "confirm": False, "keep": "first"},
    "find_label_issues": {"label_field": "labels"},
    "find_leaks": {"split_field": "labels", "confirm": False},
    "find_representatives": {"k": 5},
    "report": {"subset": "members", "label_field": "labels"},
    "score_importance": {"label_field": "labels", "coreset_size": 20},
    "select_coreset": {"label_field": "labels", "size": 20},
    "select_next_batch": {"n": 5},
    "select_subset": {"n": 12},
    "sweep_representatives": {"k_min": 1, "k_max": 6, "step": 2},
}
# Columns that are the same for a sample wherever it stands. The others draw folds, starts or batches by row number.
PLACELESS = {
    "find_duplicates": ("similarity", "copies"),
    "find_leaks": ("is_leak", "similarity"),
    "find_neighbors": ("distance", "similarities"),
    "find_outliers": ("score", "is_outlier", "density", "is_edge_case"),
}

every_method = pytest.mark.parametrize("method", ALONE, ids=lambda method: method.name)


def vectors(seed: int = 0) -> tuple[Any, list[str]]:
    """(N, 6) float32 in three clusters, and the cluster of each row as its label; every tenth label is wrong."""
    rng = np.random.default_rng(seed)
    codes = np.arange(N) % 3
    x = 4 * np.eye(3, 6)[codes] + rng.normal(size=(N, 6))
    return x.astype(np.float32), ["abc"[(code + (row % 10 == 0)) % 3] for row, code in enumerate(codes)]


def run(method: Method, x: Any, labels: list[str | None]) -> dict[str, Any]:
    """The method's columns on vectors and labels."""
    given = dict(GIVEN.get(method.name, {}))
    names = domains(method.params)
    if "label_field" in names:
        given.setdefault("label_field", "labels")
    named: dict[str, Any] = {"subset": np.arange(len(x)) % 4 == 0} if method.name == "report" else {}
    if method.name == "find_regression_issues":
        given, named = (
            {"target": "ages"},
            {"target": np.array([float(ord(label[0])) if label else np.nan for label in labels])},
        )
    if method.name == "select_next_batch":
        labels = [label if row % 2 else None for row, label in enumerate(labels)]
    if method.name == "fuse_embeddings":
        given |= {"sources": ("one", "other"), "dim": 4}
        named = {"sources": (x, x[:, ::-1].copy())}
    elif "embeddings" in names:
        given["embeddings"] = "vectors"
    params = method.params(**given)
    wanted = any(role in ("labels", "splits") and getattr(params, name) for name, role in roles(method.params).items())
    inputs = Inputs(
        n=len(x),
        ids=[f"{row}" for row in range(len(x))],
        paths=[""] * len(x),
        embeddings=x,
        labels=GivenLabels.of(labels) if wanted else None,
        named=named,
    )
    with np.errstate(all="raise", under="ignore"):
        return dict(method.run(inputs, params, silent).values)


def _hostile() -> dict[str, tuple[Any, list[str | None]]]:
    x, labels = vectors()
    plain: list[str | None] = list(labels)
    return {
        "all identical": (np.ones_like(x), plain),
        "two identical heaps": (x[np.arange(N) % 2], plain),
        "one row many times": (np.where(np.arange(N)[:, None] < 50, x[:1], x), plain),
        "more dimensions than rows": (np.random.default_rng(1).normal(size=(12, 300)).astype(np.float32), plain[:12]),
        "one dimension": (x[:, :1].copy(), plain),
        "float16 at its end": (np.float32(6e4) * np.sign(x), plain),
        "very long": (np.float32(1e18) * x, plain),
        "very short": (np.float32(1e-18) * x, plain),
        "zero vectors": (np.where(np.arange(N)[:, None] % 5 == 0, np.float32(0), x), plain),
        "zero vectors only": (np.zeros_like(x), plain),
        "one class": (x, ["a"] * N),
        "a class with one member": (x, ["z", *["ab"[row % 2] for row in range(1, N)]]),
        "every row a class": (x, [f"{row:02d}" for row in range(N)]),
        "labels with gaps": (x, [None if row % 3 == 0 else label for row, label in enumerate(plain)]),
        "three rows": (x[:3], plain[:3]),
        "two rows": (x[:2], plain[:2]),
        "one row": (x[:1], plain[:1]),
    }


HOSTILE = _hostile()

# Who refuses what, and how the sentence goes; all else ends in columns.
FEW = ("three rows", "two rows", "one row")
ONE_CLASS = ("one class", "two rows", "one row")
ONE_PLACE = ("all identical", "zero vectors only")
REFUSED: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (("fuse_embeddings",), (*ONE_PLACE, "one row"), r"sources must differ between images; all of one, other are the"),
    (
        ("find_representatives",),
        FEW,
        r"RepresentativesParams\.k must be at most the number of samples \([123]\); got",
    ),
    (("sweep_representatives",), FEW, r"SweepParams\.k_max must be at most the number of samples \([123]\); got 6"),
    (("select_subset",), FEW, r"SubsetParams\.n must be at most the number of samples .* \([123]\); got 12"),
    (("select_next_batch",), FEW, r"NextBatchParams\.n must be at most the number of .* a label .* \([12]\); got 5"),
    (
        ("score_importance", "select_coreset"),
        ("more dimensions than rows", "three rows"),
        r"size must be at most the number of samples \(12|3\); got 20",
    ),
    (
        ("score_importance", "select_coreset", "find_label_issues", "find_confusions", "find_failure_slices"),
        ONE_CLASS,
        "label_field must hold at least two classes; got one, '[ab]', on all labelled samples",
    ),
    (
        ("find_label_issues", "find_confusions", "find_failure_slices"),
        ("every row a class", "three rows"),
        "label_field must hold at least two classes of two or more different samples; got [01]: label more",
    ),
    (
        ("train_classifier", "find_label_issues", "find_confusions", "find_failure_slices"),
        ONE_PLACE,
        r"at least 2 labelled samples .*not near-duplicates of each other; got 1",
    ),
    (("train_classifier",), ONE_CLASS, "train_classifier needs at least 2 classes; the labels hold 1: [ab]"),
    (("find_leaks",), ONE_CLASS, r"LeaksParams\.split_field must hold at least two splits; got [ab] only"),
    (
        ("split_dataset",),
        (*ONE_PLACE, "two identical heaps", "one dimension", "two rows", "one row"),
        r"fractions must name at most as many splits as there are groups that stay together \([12]\); got 3",
    ),
    (("find_regression_issues",), ONE_PLACE, "neither near-duplicates nor of one group; got 60 that belong together"),
    (
        ("find_regression_issues",),
        FEW,
        r"RegressionIssuesParams\.target must hold a number on at least 10 pictures; 'ages' has [123]: give",
    ),
    (("find_regression_issues",), ("one class",), "must hold numbers that differ; all 60 of 'ages' are 97"),
)
SENTENCES = {(method, case): sentence for methods, cases, sentence in REFUSED for method in methods for case in cases}


@pytest.mark.slow
@every_method
@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.filterwarnings("error")
def test_method__hostile_vectors_end_in_columns_or_in_the_sentence_that_is_due(method: Method, case: str) -> None:
    x, labels = HOSTILE[case]
    before, values = x.copy(), {}
    if (method.name, case) in SENTENCES:
        with pytest.raises(ParamError, match=SENTENCES[method.name, case]):
            run(method, x, labels)
    else:
        values = run(method, x, labels)
        assert bool(values) == bool(method.writes)
    assert np.array_equal(x, before), "the vectors are the caller's"
    for name, column in values.items():
        kind = method.column(name).type
        if isinstance(column, LabelValues):
            assert len(column.codes) == len(x), name
            continue
        assert len(column) == len(x), name
        if kind is float:
            known = np.array([value for value in column if value is not None], dtype=np.float64)
            assert not np.isinf(known).any(), name
        elif kind in (Vector, Point):
            assert not np.isinf(column).any(), name
        elif kind is Neighbors:
            assert np.isin(column, np.arange(-1, len(x))).all(), name


@pytest.mark.parametrize("name", PLACELESS)
def test_method__rows_in_another_order(name: str) -> None:
    x, labels = vectors()
    order = np.random.default_rng(3).permutation(N)
    method = method_named(name)
    here = run(method, x, list(labels))
    there = run(method, x[order], [labels[row] for row in order])
    for column in PLACELESS[name]:
        one, other = np.array(here[column], dtype=np.float64)[order], np.array(there[column], dtype=np.float64)
        np.testing.assert_allclose(one, other, atol=2e-6, err_msg=column)


@pytest.mark.slow
def test_method__rows_in_another_order_change_no_ranking() -> None:
    """Folds and draws go by row number, so scores move a little; who is suspected must not."""
    x, labels = vectors()
    order = np.random.default_rng(3).permutation(N)
    for name, column in (("score_importance", "score"), ("find_label_issues", "quality")):
        method = method_named(name)
        here = np.array(run(method, x, list(labels))[column], dtype=np.float64)[order]
        there = np.array(run(method, x[order], [labels[row] for row in order])[column], dtype=np.float64)
        assert np.corrcoef(here.argsort().argsort(), there.argsort().argsort())[0, 1] > 0.95, name


@pytest.mark.slow
@every_method
def test_method__vectors_in_other_units(method: Method) -> None:
    """Eight times as long, which floating-point numbers hold exactly: whatever goes by cosine stays as it was."""
    x, labels = vectors()
    here, there = run(method, x, list(labels)), run(method, 8 * x, list(labels))
    for name, column in here.items():
        if method.column(name).type in (Vector, Point):  # these may turn and stretch
            assert np.allclose(np.ptp(there[name], axis=0), np.ptp(column, axis=0) * 8, rtol=1e-4) or np.allclose(
                there[name], column, atol=1e-5
            )
        else:
            assert digest(column) == digest(there[name]), name


def digest(column: Any) -> str:
    """What a column holds, to six digits."""
    if isinstance(column, LabelValues):
        column = column.codes
    if isinstance(column, np.ndarray) and column.dtype.kind == "f":
        column = np.round(column.astype(np.float64), 6) + 0.0
    return hashlib.sha256(json.dumps(column, default=lambda part: np.asarray(part).tolist()).encode()).hexdigest()


def digests() -> dict[str, str]:
    """Of every column of every method."""
    x, labels = vectors()
    return {
        f"{method.name}.{name}": digest(column)
        for method in ALONE
        for name, column in run(method, x, list(labels)).items()
    }


@pytest.mark.slow
def test_method__the_same_in_another_process() -> None:
    """Another process, with other hash seeds and one thread: the same columns."""
    here = Path(__file__).resolve()
    code = (
        f"import sys; sys.path[:0] = [{str(here.parents[2] / 'scripts')!r}, {str(here.parent)!r}]\n"
        "from checkout import load_package; load_package()\n"
        "import json, test_every_method; print(json.dumps(test_every_method.digests()))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout.splitlines()[-1])
    with blas_threads(2):  # one of two processes that share the tests has one
        mine = digests()
    assert {name for name in mine if mine[name] != there[name]} == set()
