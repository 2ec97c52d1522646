"""Fusion: what each source knows is in the result, none outweighs the others, and blocks make no difference."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import Array, silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings import fuse_embeddings as fusion
from image_curation.core.embeddings.fuse_embeddings import FuseParams, fuse_embeddings, principal_axes
from image_curation.core.embeddings.models.base import unit_rows


def fuse(*sources: Any, **params: Any) -> Columns:
    keys = tuple("abcd"[: len(sources)])
    matrices = tuple(np.asarray(source, dtype=np.float32) for source in sources)
    inputs = Inputs(n=len(matrices[0]), named={"sources": matrices})
    return fuse_embeddings(inputs, FuseParams(sources=keys, **params), silent)


def random(n: int, d: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def cosines(x: Array) -> Array:
    return np.asarray(x @ x.T)


def test_fuse__concat_is_the_mean_of_the_cosines() -> None:
    """Side by side, two unit vectors of a row have the mean of their cosines, whatever their dimensions and scale."""
    a, b = random(30, 4), 1000 * random(30, 9, 1) + 5
    centred = [unit_rows(x - x.mean(axis=0)) for x in (a, b)]
    expected = (cosines(centred[0]) + cosines(centred[1])) / 2
    np.testing.assert_allclose(cosines(fuse(a, b, method="concat").values[""]), expected, atol=1e-5)


def test_fuse__whitening_follows_the_formula() -> None:
    """By numpy's own SVD: y = x·v / λ^(w/2), to unit length. Cosines are compared, since axes have no sign."""
    a, b = random(60, 5) * [5, 4, 3, 2, 1], random(60, 3, 1)
    x = np.concatenate([unit_rows(m - m.mean(axis=0)) for m in (a, b)], axis=1).astype(np.float64)
    x -= x.mean(axis=0)
    _, singular, axes = np.linalg.svd(x, full_matrices=False)
    variances = singular**2 / len(x)
    for whitening, dim in itertools.product((0.0, 0.5, 1.0), (3, 8)):
        y = unit_rows(x @ axes[:dim].T / variances[:dim] ** (whitening / 2))
        found = fuse(a, b, dim=dim, whitening=whitening)
        np.testing.assert_allclose(cosines(found.values[""]), cosines(y), atol=1e-3)
        assert found.facts["explained"] == pytest.approx(variances[:dim].sum() / variances.sum(), abs=1e-4)


def test_fuse__blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = random(50, 6), random(50, 7, 1)
    whole = fuse(a, b, dim=5).values[""]
    monkeypatch.setattr(fusion, "BLOCK", 7)
    np.testing.assert_allclose(fuse(a, b, dim=5).values[""], whole, atol=1e-4)


def test_principal_axes__random_projections_find_what_the_covariance_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten directions that matter among 300, and noise of a hundredth: both ways find the same ten."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 10)) * np.arange(1, 11) @ rng.standard_normal((10, 300))
    x = (x + 0.01 * rng.standard_normal(x.shape) + 3).astype(np.float32)

    def blocks() -> Any:
        return iter(np.array_split(x, 3))

    axes, variances, total = principal_axes(blocks, 300, 10, 0)
    monkeypatch.setattr(fusion, "WIDEST", 100)
    other, same, total_too = principal_axes(blocks, 300, 10, 0)
    np.testing.assert_allclose(same, variances, rtol=1e-3)
    np.testing.assert_allclose(np.abs(np.sum(axes * other, axis=0)), 1, atol=1e-3)
    assert total == pytest.approx(total_too)
    assert total == pytest.approx(x.var(axis=0).sum(), rel=1e-3)


def test_fuse__finds_what_neither_source_knows_alone() -> None:
    """One source tells rows' first letter, the other their second: together they tell all four groups."""
    rng = np.random.default_rng(0)
    first, second = np.repeat([0, 0, 1, 1], 25), np.repeat([0, 1, 0, 1], 25)
    group = 2 * first + second

    def says(code: Array, d: int) -> Array:
        return np.asarray(np.eye(2)[code] @ rng.standard_normal((2, d)) + 0.05 * rng.standard_normal((100, d)))

    a, b = says(first, 8), says(second, 40)

    def purity(x: Array) -> float:
        near = cosines(unit_rows(x - x.mean(axis=0)))
        np.fill_diagonal(near, -2)
        return float((group[near.argsort(axis=1)[:, -24:]] == group[:, None]).mean())

    fused = fuse(a, b, whitening=0).values[""]
    assert max(purity(a), purity(b)) < 0.6
    assert purity(fused) > 0.99
    assert purity(fuse(a, b, method="concat").values[""]) > 0.99


def test_fuse__dim_beyond_the_rank() -> None:
    """Three dimensions and a fourth that repeats the first: there are no more than three components."""
    a = random(40, 3)
    found = fuse(a, a[:, :1], dim=99)
    assert found.values[""].shape == (40, 4)
    assert np.isfinite(found.values[""]).all()
    few = fuse(random(3, 50), random(3, 60, 1), dim=512, whitening=1).values[""]
    assert few.shape == (3, 2)
    np.testing.assert_allclose(np.linalg.norm(few, axis=1), 1, atol=1e-5)


def test_fuse__a_constant_source_adds_nothing_and_is_named() -> None:
    a = random(40, 5)
    found = fuse(a, np.full((40, 3), 7.0), dim=4)
    alone = fuse(a, np.zeros((40, 1)), dim=4)
    np.testing.assert_allclose(cosines(found.values[""]), cosines(alone.values[""]), atol=1e-4)
    assert found.facts["constant"] == ["b"]
    assert found.facts["headline"] == "40 images in 4 dimensions from a + b; b is the same for all and adds nothing"
    with pytest.raises(ParamError, match="all of a, b are the same vector on 40 images"):
        fuse(np.ones((40, 2)), np.zeros((40, 3)))
    with pytest.raises(ParamError, match="the same vector on 1 image$"):
        fuse(a[:1], a[:1])


def test_fuse__two_rows() -> None:
    found = fuse([[1.0, 0.0], [0.0, 1.0]], [[2.0], [3.0]])
    np.testing.assert_allclose(cosines(found.values[""]), [[1, -1], [-1, 1]], atol=1e-5)


def test_fuse__same_seed_same_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "WIDEST", 4)
    a, b = random(50, 90), random(50, 70, 1)
    assert np.array_equal(fuse(a, b, dim=3).values[""], fuse(a, b, dim=3).values[""])


@pytest.mark.parametrize("sources", [(), ("a",), ("a", "a")])
def test_params__need_two_different_sources(sources: Sequence[str]) -> None:
    with pytest.raises(ParamError, match="must be two or more different embeddings"):
        FuseParams(sources=tuple(sources))


def test_fuse__record_names_the_parents() -> None:
    inputs = Inputs(
        n=9,
        named={"sources": (random(9, 2), random(9, 3, 1))},
        sources={"clip": {"model": "tiny_clip", "weights_hash": "abc"}, "mine": {"key": "mine"}},
    )
    facts = fuse_embeddings(inputs, FuseParams(sources=("clip", "mine")), silent).facts
    assert facts["parents"] == [
        {"key": "clip", "dim": 2, "model": "tiny_clip", "weights_hash": "abc"},
        {"key": "mine", "dim": 3, "model": None, "weights_hash": None},
    ]
    assert (facts["model"], facts["text"]) == ("fusion of clip + mine", False)
