"""Maps: sound on small and odd inputs, the same for the same seed, and measured as scikit-learn measures."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.maps.compute_map import METHOD, MapParams, compute_map, principal_components
from image_curation.core.maps.trust import quality
from image_curation.core.neighbors.graph import build_graph


def clusters(n, d=8, centres=4):
    rng = np.random.default_rng(0)
    return (3 * rng.normal(size=(centres, d))[np.arange(n) % centres] + 0.3 * rng.normal(size=(n, d))).astype(
        np.float32
    )


def run(x, **params):
    x = np.asarray(x, dtype=np.float32)
    return compute_map(Inputs(len(x), embeddings=x), MapParams(embeddings="e", **params), silent)


def test_compute_map__pca_columns_and_facts():
    columns = run(clusters(60), method="pca")
    assert set(columns.values) == {column.name for column in METHOD.writes}
    assert columns.values[""].shape == (60, 2)
    assert columns.values[""].dtype == np.float32
    assert columns.facts["headline"].startswith("PCA map of 60 samples in 2D; trustworthiness ")
    assert run(clusters(60), method="pca", dims=3).values[""].shape == (60, 3)


ODD = {
    "one sample": np.ones((1, 3)),
    "two samples": np.eye(2),
    "four samples": np.eye(4),
    "one dimension": np.arange(1, 9.0)[:, None],
    "all identical": np.ones((12, 3)),
    "all zero": np.zeros((12, 3)),
    "five samples": np.eye(5),
    "mostly copies": np.eye(6)[[0, 0, 0, 0, 1, 1, 2]],
}


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("x", ODD.values(), ids=ODD)
def test_compute_map__odd_inputs_with_pca(x, metric):
    points = run(x, method="pca", metric=metric).values[""]
    assert points.shape == (len(x), 2)
    assert np.isfinite(points).all()


@pytest.mark.parametrize("method", ["umap", "tsne"])
@pytest.mark.parametrize("x", list(ODD.values())[:6], ids=list(ODD)[:6])
def test_compute_map__too_little_to_learn_from_gives_pca(x, method):
    columns = run(x, method=method)
    assert columns.facts["method"] == "pca"
    assert np.isfinite(columns.values[""]).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["umap", "tsne"])
@pytest.mark.parametrize("dims", [2, 3])
def test_compute_map__keeps_clusters_apart(method, dims):
    columns = run(clusters(120), method=method, dims=dims)
    points = columns.values[""]
    assert points.shape == (120, dims)
    assert columns.facts["method"] == method
    assert columns.facts["trustworthiness"] > 0.9
    near = build_graph(points, k=5, metric="euclidean").indices
    assert np.mean(near % 4 == np.arange(120)[:, None] % 4) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_compute_map__small_and_copied(method):
    for x in list(ODD.values())[6:]:
        assert np.isfinite(run(x, method=method).values[""]).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_compute_map__same_seed_same_map(method):
    x = clusters(80)
    np.testing.assert_array_equal(run(x, method=method, seed=7).values[""], run(x, method=method, seed=7).values[""])


@pytest.mark.slow
@pytest.mark.parametrize("dims", [2, 3])
def test_compute_map__pacmap(dims):
    pytest.importorskip("pacmap", reason="pacmap, an optional engine, is not installed")
    columns = run(clusters(120), method="pacmap", dims=dims, seed=2**32 - 1)
    assert columns.facts["method"] == "pacmap"
    assert columns.facts["trustworthiness"] > 0.9
    again = run(clusters(120), method="pacmap", dims=dims, seed=2**32 - 1)
    np.testing.assert_array_equal(columns.values[""], again.values[""])
    assert run(clusters(20), method="pacmap", dims=dims).values[""].shape == (20, dims)
    assert run(clusters(19), method="pacmap", dims=dims).facts["method"] == "pca"
    copied = np.repeat(clusters(30), 4, axis=0)
    assert np.isfinite(run(copied, method="pacmap", dims=dims).values[""]).all()


def test_compute_map__pacmap_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pacmap", None)
    with pytest.raises(ParamError, match=r"needs the package pacmap, .* pip install 'pacmap>=0.9'"):
        run(clusters(60), method="pacmap")


def test_compute_map__says_what_is_wrong():
    with pytest.raises(ParamError, match=r"MapParams.dims must be a whole number from 2 to 3; got 4"):
        MapParams(embeddings="e", dims=4)


def test_principal_components__equals_svd():
    x = clusters(50, d=6)
    centred = x - x.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    points, explained = principal_components(x, 3)
    np.testing.assert_allclose(np.abs(points), np.abs(centred @ axes[:3].T), atol=1e-4)
    np.testing.assert_allclose(explained, (lengths**2 / np.sum(lengths**2))[:3], atol=1e-4)


def test_principal_components__does_not_flip():
    # The first axis is that of (1, 1); it points to the side of its positive loadings.
    points, _ = principal_components(np.array([[0.0, 0], [1, 1], [2, 2]], np.float32), 2)
    np.testing.assert_allclose(points, [[-np.sqrt(2), 0], [0, 0], [np.sqrt(2), 0]], atol=1e-6)


def test_quality__equals_scikit_learn():
    from sklearn.manifold import trustworthiness

    x = np.random.default_rng(1).normal(size=(200, 6)).astype(np.float32)
    points = x[:, :2]
    graph = build_graph(x, k=15, metric="euclidean")
    facts = quality(x, points, graph, seed=0)
    assert facts["trustworthiness"] == pytest.approx(trustworthiness(x, points, n_neighbors=15), abs=1e-3)
    near = build_graph(points, k=15, metric="euclidean").indices
    kept = np.mean([len(np.intersect1d(a, b)) / 15 for a, b in zip(near, graph.indices, strict=True)])
    assert facts["neighbors_kept"] == pytest.approx(kept, abs=1e-3)


def test_quality__a_faithful_map_is_perfect():
    x = np.random.default_rng(2).normal(size=(100, 2)).astype(np.float32)
    facts = quality(x, 5 * x, build_graph(x, k=15, metric="euclidean"), seed=0)
    assert facts == {"triplet_accuracy": 1.0, "neighbors_kept": 1.0, "trustworthiness": 1.0}
