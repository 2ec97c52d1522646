"""Which points of a map are drawn, and what lies inside a lasso."""

from __future__ import annotations

import numpy as np
import pytest
from image_curation.core.maps.tiles import BITS, Frame, choose, inside, morton, projected, shade, shares


@pytest.mark.slow
@pytest.mark.parametrize("dims", [2, 3])
def test_choose__every_isolated_point_of_a_million_survives(dims: int) -> None:
    rng = np.random.default_rng(0)
    n, alone = 1_000_000, 400
    points = rng.normal(0, 0.3, size=(n, dims)).astype(np.float32)
    points += rng.normal(0, 1, size=(12, dims)).astype(np.float32)[rng.integers(12, size=n)]
    # isolated ones stand on a circle around everything, where neighbors on it are 10 * 2 pi / 400 = .16 apart
    angle = np.arange(alone) * 2 * np.pi / alone
    rows = np.sort(rng.choice(n, alone, replace=False))
    points[rows] = 0
    points[rows, :2] = 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    unit = Frame.of(points).unit(points)
    chosen = choose(unit, 20_000)
    assert len(chosen.rows) == 20_000
    assert np.isin(rows, chosen.rows).all()
    at_random = np.isin(rows, rng.choice(n, 20_000, replace=False)).sum()
    assert at_random < alone / 10  # what thinning at random would have left


@pytest.mark.parametrize("dims", [2, 3])
def test_choose__keeps_what_has_nothing_near(dims: int) -> None:
    rng = np.random.default_rng(1)
    unit = Frame.of(points := rng.standard_t(2, size=(2_000, dims))).unit(points)
    chosen = choose(unit, 500)
    assert len(chosen.rows) == 500
    apart = np.sqrt(((unit[:, None] - unit[None]) ** 2).sum(axis=2))
    np.fill_diagonal(apart, np.inf)
    isolated = np.flatnonzero(apart.min(axis=1) > chosen.tile * np.sqrt(dims))
    assert len(isolated) > 5
    assert set(isolated) <= set(chosen.rows)


def test_choose__covers_more_of_the_map_than_random_thinning() -> None:
    rng = np.random.default_rng(2)
    unit = Frame.of(points := rng.standard_t(3, size=(50_000, 2))).unit(points)
    pixels = [
        len(np.unique((unit[rows] * 256).astype(int), axis=0))
        for rows in (choose(unit, 5_000).rows, rng.choice(len(unit), 5_000, replace=False))
    ]
    assert pixels[0] > 1.4 * pixels[1]


def test_choose__few_points_are_all_drawn() -> None:
    unit = np.random.default_rng(0).random((7, 2))
    assert choose(unit, 7).rows.tolist() == list(range(7))
    assert choose(unit, 3).rows.shape == (3,)
    assert choose(unit[:0], 3).rows.shape == (0,)


def test_choose__all_points_in_one_place() -> None:
    assert choose(np.full((1_000, 2), 0.5), 10).rows.shape == (10,)
    assert choose(np.full((1_000, 3), 1.0), 10).rows.shape == (10,)


def test_choose__one_far_point_does_not_hide_the_rest() -> None:
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.random((5_000, 2)), [[1e6, 1e6]]])
    chosen = choose(Frame.of(points).unit(points), 1_000).rows
    assert 5_000 in chosen
    # the others share one millionth of the map's side and are still taken evenly: no quarter has none
    quarters = (points[chosen[:-1]] * 2).astype(int) @ [1, 2]
    assert np.bincount(quarters, minlength=4).min() > 150


def test_choose__first_come_first() -> None:
    unit = np.random.default_rng(4).random((10_000, 2))
    few = np.zeros(10_000, dtype=bool)
    few[::25] = True  # 400
    chosen = choose(unit, 1_000, first=few).rows
    assert len(chosen) == 1_000
    assert few[chosen].sum() == 400
    many = ~few
    chosen = choose(unit, 1_000, first=many).rows
    assert len(chosen) == 1_000
    assert many[chosen].sum() == 750
    assert len(np.unique(chosen)) == 1_000
    assert choose(unit, 1_000, first=np.zeros(10_000, dtype=bool)).rows.shape == (1_000,)


def test_shares__tiles_with_few_keep_all() -> None:
    # 10 places: 1 + 2 for the small ones, then (10 - 3) / 2 = 3 for each of the two large, and 1 left over
    assert shares(np.array([5, 1, 2, 9]), 10).tolist() == [4, 1, 2, 3]
    assert shares(np.array([1, 1, 1]), 3).tolist() == [1, 1, 1]
    assert shares(np.array([7]), 3).tolist() == [3]
    assert shares(np.array([2, 2]), 4).tolist() == [2, 2]


@pytest.mark.parametrize("dims", [2, 3])
def test_morton__interleaves_the_axes(dims: int) -> None:
    bits = BITS[dims]
    rng = np.random.default_rng(5)
    unit = np.concatenate([rng.random((50, dims)), np.zeros((1, dims)), np.ones((1, dims))])
    for place, key in zip(unit, morton(unit), strict=True):
        cells = [min(int(share * 2**bits), 2**bits - 1) for share in place]
        expected = sum(
            (cell >> bit & 1) << (dims * bit + axis) for axis, cell in enumerate(cells) for bit in range(bits)
        )
        assert int(key) == expected


def test_shade__counts_what_is_not_drawn() -> None:
    unit = np.array([[0.0, 0.0], [0.001, 0.0], [0.002, 0.001], [1.0, 1.0], [0.5, 0.5]])
    middles, counts = shade(unit, np.array([0, 4]))
    assert counts.tolist() == [2, 1]
    assert middles.tolist() == [[1 / 128, 1 / 128], [127 / 128, 127 / 128]]
    assert shade(unit, np.arange(5))[1].tolist() == []


def test_frame__keeps_shapes_and_goes_back() -> None:
    points = np.array([[0.0, 10.0], [4.0, 11.0]])
    frame = Frame.of(points)
    assert frame.unit(points).tolist() == [[0, 0.375], [1, 0.625]]  # one scale for both axes, in the middle
    assert frame.units(frame.unit(points)).tolist() == points.tolist()
    assert Frame.of(np.ones((3, 2))).span == 1.0


def test_inside__even_odd() -> None:
    square = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    points = np.array([[1.0, 1], [3, 1], [-1, 1], [1, 3], [1.99, 0.01]])
    assert inside(points, square).tolist() == [True, False, False, False, True]
    # a bow tie: its left and right parts are inside, what lies above and below the crossing is not
    bow = np.array([[0.0, 0], [2, 2], [2, 0], [0, 2]])
    assert inside(np.array([[0.2, 1], [1.8, 1], [1, 1.8], [1, 0.2]]), bow).tolist() == [True, True, False, False]


def test_inside__agrees_with_winding_of_a_convex_polygon() -> None:
    rng = np.random.default_rng(6)
    angle = np.sort(rng.random(9)) * 2 * np.pi
    polygon = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = rng.uniform(-1, 1, size=(500, 2))
    ahead = np.roll(polygon, -1, axis=0) - polygon
    off = points[:, None] - polygon[None]
    left = (ahead[:, 0] * off[..., 1] - ahead[:, 1] * off[..., 0] > 0).all(axis=1)
    assert inside(points, polygon).tolist() == left.tolist()


def test_projected__perspective_and_what_is_behind() -> None:
    # looks along +z: the depth is z itself
    matrix = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]])
    found = projected(np.array([[1.0, 2, 2], [1, 2, 4], [1, 2, -1]]), matrix)
    assert found[:2].tolist() == [[0.5, 1], [0.25, 0.5]]
    assert np.isnan(found[2]).all()
    assert inside(found, np.array([[0.0, 0], [1, 0], [1, 2], [0, 2]])).tolist() == [True, True, False]
