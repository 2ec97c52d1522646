"""Outliers: planted ones score high, copies do not hide them, and scores keep their meaning as the set grows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import Inputs
from image_curation.core.neighbors.graph import build_graph
from image_curation.core.quality.find_outliers import (
    OutliersParams,
    deviations,
    different_neighbors,
    far_out,
    find_outliers,
    mean_distance,
)


def unit(x: Any) -> Any:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def cloud(n: int, seed: int = 0, d: int = 16) -> Any:
    """Points around three directions."""
    rng = np.random.default_rng(seed)
    return unit(4 * np.eye(d)[rng.integers(3, size=n)] + rng.normal(size=(n, d)))


def run(x: Any, **params: Any) -> Columns:
    return find_outliers(Inputs(n=len(x), embeddings=x), OutliersParams(**params), silent)


def test_find_outliers__planted_alone_and_as_copies() -> None:
    strange = np.eye(16)[10:14]
    rng = np.random.default_rng(1)
    copies = unit(np.repeat(-strange, 5, axis=0) + 0.001 * rng.normal(size=(20, 16)))
    x = np.vstack([cloud(400), unit(strange), copies, unit(-np.ones((30, 16)))])
    columns = run(x)
    score = columns.values["score"]
    assert score[400:].min() > score[:400].max() + 0.05
    assert [region["id"] for region in columns.facts["sparse"][:5]][0] == 424  # of thirty copies the first
    assert columns.facts["outliers"] == (score >= 0.5).sum()
    assert np.all((score >= 0) & (score <= 1))
    assert columns.values["density"][400:].max() < 1


def test_find_outliers__same_meaning_on_a_grown_set() -> None:
    x = cloud(1000)
    alone = run(x).values["score"]
    with_stranger = run(np.vstack([x, np.eye(16, dtype=np.float32)[12:13]])).values["score"]
    assert np.abs(alone - with_stranger[:-1]).max() < 0.01
    assert with_stranger[-1] > 0.5
    twice = run(np.vstack([x, x])).values["score"]  # every picture a second time: nothing is news
    assert np.abs(alone - twice[:1000]).max() < 0.02


def test_find_outliers__tiny_cluster_is_an_edge_case() -> None:
    rng = np.random.default_rng(0)
    tiny = unit(np.eye(16)[15] + 0.05 * rng.normal(size=(5, 16)))
    columns = run(np.vstack([cloud(400), tiny]))
    assert columns.values["is_edge_case"][400:].all()
    assert columns.values["is_edge_case"][:400].mean() < 0.05
    assert columns.facts["tiny_clusters"] >= 1


def test_find_outliers__tiny_cluster_with_a_busy_neighbor_and_a_wide_one() -> None:
    """A cluster of six is found though a stranger stands near; a wide one too; pairs in the crowd are no cluster."""
    rng = np.random.default_rng(0)
    tight = unit(np.eye(32)[31] + 0.05 * rng.normal(size=(6, 32)))
    wide = unit(np.eye(32)[29] + 0.12 * rng.normal(size=(5, 32)))
    stranger = unit(np.eye(32)[31:] + np.eye(32)[30:31])
    x = np.vstack([cloud(400, d=32), tight, wide, stranger])
    edge = run(x).values["is_edge_case"]
    assert edge[400:411].all()
    assert edge[:400].sum() <= 4


def test_find_outliers__regions_are_listed() -> None:
    facts = run(np.vstack([cloud(300), unit(np.eye(16)[12:14])])).facts
    assert {region["id"] for region in facts["sparse"][:2]} == {300, 301}
    assert facts["sparse"][0]["density"] < 1 < facts["dense"][0]["density"]
    assert len(facts["dense"]) == 10


def test_mean_distance__against_brute_force() -> None:
    x = unit(np.random.default_rng(0).normal(size=(30, 4)))
    x[5] = x[6]
    group = np.arange(30)
    group[[5, 6]] = 5
    group[[10, 11]] = 10
    graph = build_graph(x, k=29)
    found = mean_distance(graph, different_neighbors(graph, group, 4))
    for row in range(30):
        to = sorted((1 - float(x[row].astype(float) @ x[other]), group[other]) for other in range(30))
        nearest: dict[int, float] = {}
        for length, other in to:
            if other != group[row]:
                nearest.setdefault(int(other), length)
        assert found[row] == pytest.approx(np.mean(sorted(nearest.values())[:4]), abs=1e-5)


def test_find_outliers__strangers_who_come_as_a_group() -> None:
    """Twenty of a kind keep each other company as far as ten neighbors, but not as far as fifty."""
    rng = np.random.default_rng(3)
    x = np.vstack([cloud(400, d=32), unit(np.eye(32)[31] + 0.1 * rng.normal(size=(20, 32)))])
    graph, each = build_graph(x, k=60), np.arange(420)
    far, near = (deviations(mean_distance(graph, different_neighbors(graph, each, k)))[400:] for k in (50, 10))
    assert np.median(far) > np.median(near) + 1
    assert OutliersParams().k == 50


def test_find_outliers__single_pictures_among_bursts() -> None:
    """Each of 100 pictures is there five times, all far apart; ten that are there once have no company."""
    rng = np.random.default_rng(4)
    bursts = unit(np.repeat(rng.normal(size=(100, 64)), 5, axis=0) + 0.1 * rng.normal(size=(500, 64)))
    columns = run(np.vstack([bursts, unit(rng.normal(size=(10, 64)))]))
    assert columns.values["is_outlier"][500:].all()
    assert columns.values["is_outlier"][:500].sum() <= 5


@pytest.mark.parametrize("n", [60, 300, 1000])
def test_find_outliers__a_set_without_strangers(n: int) -> None:
    """At most one in a hundred is called an outlier where there are none, and one in fifty an edge case."""
    rng = np.random.default_rng(0)
    sets = [*(cloud(n, seed) for seed in range(3)), *(rng.normal(size=(n, 64)).astype(np.float32) for _ in range(3))]
    columns = [run(x).values for x in sets]
    assert np.mean([one["is_outlier"] for one in columns]) <= 0.01
    assert np.mean([one["is_edge_case"] for one in columns]) <= 0.02


def test_find_outliers__few_strangers_are_found_as_a_group() -> None:
    """Six of a kind, as far from one another as others are, are outliers and one tiny cluster."""
    rng = np.random.default_rng(5)
    x = np.vstack([cloud(400, d=32), unit(4 * np.eye(32)[31] - 2 + rng.normal(size=(6, 32)))])
    columns = run(x)
    assert columns.values["is_outlier"][400:].all()
    assert columns.values["is_edge_case"][400:].all()
    assert columns.facts["tiny_clusters"] <= 2


def test_far_out__by_hand() -> None:
    # 0 to 20 along one coordinate: the median is 10 and a deviation 7; the other two say 0 and nothing
    x = np.zeros((21, 3), np.float32)
    x[:, 0], x[3, 1] = np.arange(21), 1
    deviation = x[:, 1].std()
    found = far_out(x)
    assert found[20] == pytest.approx(np.sqrt(((10 / 7) ** 2 + 0) / 2))
    assert found[3] == pytest.approx(np.sqrt(((7 / 7) ** 2 + min(1 / deviation, 6) ** 2) / 2))
    assert (far_out(np.ones((4, 2), np.float32)) == 0).all()


def test_find_outliers__many_of_another_kind() -> None:
    """Sixty that keep each other company, as near as any others, lie far out along many coordinates."""
    rng = np.random.default_rng(6)
    others = rng.normal(size=64) * 0.4
    x = np.vstack([rng.normal(size=(600, 64)) * 0.3 + 1, rng.normal(size=(60, 64)) * 0.3 + 1 + 2 * others])
    flags = run(x.astype(np.float32)).values["is_outlier"]
    assert flags[600:].mean() > 0.9
    assert flags[:600].mean() <= 0.01


def test_deviations__by_hand() -> None:
    # logs 0 to 20: the median is 10, and of 20 steps the 17th is the 85th percentile, 7 above it
    expected = (np.arange(21.0) - 10) / (7 / 1.0364)
    assert deviations(np.exp(np.arange(21.0))) == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_find_outliers__small_and_equal(n: int) -> None:
    for x in (cloud(n), np.ones((n, 3), np.float32)):
        columns = run(x)
        for name in ("score", "density"):
            assert np.isfinite(columns.values[name]).all()
        assert len(columns.values["is_edge_case"]) == n
