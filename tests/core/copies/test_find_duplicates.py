"""Copies: planted ones are found, the same scene is not the same picture, and groups do not chain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.copies.find_duplicates import (
    DuplicatesParams,
    Worth,
    doubtful_labels,
    find_duplicates,
    groups_of,
    move,
    tight_groups,
)
from image_curation.core.copies.search import Copies
from image_curation.core.images.pixels import Look, Looks, likenesses, look_at
from image_curation.core.neighbors import near_pairs
from image_curation.core.neighbors.graph import build_graph
from image_curation.core.neighbors.near_pairs import automatic_threshold, pairs_down_to, pairs_within
from PIL import Image, ImageOps
from PIL.Image import Resampling


def scene(seed: int, size: int = 96) -> Image.Image:
    """A picture with large and small shapes, as photographs have."""
    rng = np.random.default_rng(seed)
    layers = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (4, 12)]
    coarse, fine = (Image.fromarray(layer).resize((size, size), Resampling.BICUBIC) for layer in layers)
    return Image.blend(coarse, fine, 0.4)


def cut(image: Image.Image, share: float = 0.85) -> Image.Image:
    side = round(image.width * share)
    return image.crop((3, 5, 3 + side, 5 + side))


def unit(x: Any) -> Any:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def run(paths: list[Path], vectors: Any, labels: list[str | None] | None = None, **params: Any) -> Columns:
    inputs = Inputs(
        n=len(paths),
        paths=[str(path) for path in paths],
        embeddings=vectors,
        labels=None if labels is None else GivenLabels.of(labels),
    )
    return find_duplicates(inputs, DuplicatesParams(**params), silent)


@pytest.fixture
def folder(tmp_path: Path) -> list[Path]:
    """Forty scenes, then altered copies of the first: larger, mirrored, cut, darker; an equal file; a lossless one."""
    paths = []
    for seed in range(40):
        paths.append(tmp_path / f"{seed:02d}.png")
        scene(seed).save(paths[-1])
    first = scene(0)
    altered = {
        "larger.png": first.resize((150, 150)),
        "mirrored.jpg": ImageOps.mirror(first),
        "cut.png": cut(first),
        "darker.jpg": first.point([round(level * 0.8) for level in range(256)] * 3),
        "lossless.bmp": first,
    }
    for name, image in altered.items():
        image.save(tmp_path / name)
        paths.append(tmp_path / name)
    shutil.copy(paths[1], tmp_path / "equal.png")
    return [*paths, tmp_path / "equal.png"]


def vectors_of(folder: list[Path], near: float) -> Any:
    """Random directions; copies of the first near it, the equal file far from its original."""
    rng = np.random.default_rng(0)
    x = unit(rng.normal(size=(len(folder), 24)))
    x[40:45] = unit(x[0] + near * rng.normal(size=(5, 24)) / 5)
    return x


@pytest.mark.slow
def test_find_duplicates__altered_copies_in_one_group(folder: list[Path]) -> None:
    columns = run(folder, vectors_of(folder, near=0.2))
    group, kind, keep = (columns.values[name] for name in ("group", "kind", "keep"))
    assert [row for row in range(46) if group[row] == 0] == [0, 40, 41, 42, 43, 44]
    assert [row for row in range(46) if group[row] == 1] == [1, 45]  # equal files, though their vectors differ
    assert [kind[row] for row in (0, 40, 41, 42, 43, 44, 45)] == ["exact", *["near"] * 4, "exact", "exact"]
    assert group[2] is None
    assert kind[2] is None
    assert np.flatnonzero(~keep).tolist() == [0, 41, 42, 43, 44, 45]  # the larger one stays, and the first of equals
    assert columns.facts["groups"] == 2
    assert columns.facts["surplus"] == 6
    assert columns.facts["headline"] == "6 surplus copies of 2 pictures among 46 samples"


def test_find_duplicates__same_scene_is_not_the_same_picture(folder: list[Path]) -> None:
    x = vectors_of(folder, near=0.2)
    x[3] = unit(x[2:3] + 0.01)[0]  # two different pictures that a network finds alike
    assert run(folder, x).values["group"][3] is None
    by_vectors = run(folder, x, confirm=False).values["group"]
    assert by_vectors[3] is not None
    assert by_vectors[3] == by_vectors[2]


def test_find_duplicates__first_is_kept(folder: list[Path]) -> None:
    keep = run(folder, vectors_of(folder, near=0.2), keep="first").values["keep"]
    assert np.flatnonzero(~keep).tolist() == [40, 41, 42, 43, 44, 45]


def test_find_duplicates__exact_needs_no_embeddings(folder: list[Path]) -> None:
    group = run(folder, None, embeddings=None).values["group"]
    assert [row for row in range(46) if group[row] is not None] == [0, 1, 44, 45]
    with pytest.raises(ParamError, match="exact must be true where embeddings is nothing"):
        DuplicatesParams(embeddings=None, exact=False)


def test_find_duplicates__files_that_are_gone_are_judged_by_vectors(tmp_path: Path) -> None:
    paths = [tmp_path / f"{row}.png" for row in range(40)]
    x = unit(np.random.default_rng(0).normal(size=(40, 128)))
    x[7] = unit(x[3:4] + 0.001)[0]  # in 128 dimensions all others are about equally far apart
    columns = run(paths, x)
    assert [row for row in range(40) if columns.values["group"][row] is not None] == [3, 7]
    assert columns.facts["pairs_unchecked"] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 3, 70])
def test_find_duplicates__all_the_same(tmp_path: Path, n: int) -> None:
    for number in range(n):
        scene(0).save(tmp_path / f"{number}.png")
    columns = run([tmp_path / f"{number}.png" for number in range(n)], np.ones((n, 3), np.float32))
    assert columns.values["keep"].sum() == 1
    assert columns.values["group"] == ([None] if n == 1 else [0] * n)
    assert columns.facts["surplus"] == n - 1
    if n > 1:
        assert columns.values["similarity"].tolist() == [1.0] * n


def likeness(*pair: Look) -> float:
    looks = Looks(2)
    for row, look in enumerate(pair):
        looks.keep(row, look)
    return float(likenesses(looks, np.array([[0, 1]]))[0])


def slow_likeness(one: Look, other: Look) -> float:
    """By the definition: every side, place and mirroring of each in the other, and details where it fits best."""

    def shrunk(grey: Any, side: int) -> Any:
        edges, pixel = np.linspace(0, 64, side + 1), np.arange(64)
        weights = np.clip(np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel), 0, None)
        weights *= side / 64
        return weights @ (grey / 255) @ weights.T

    def correlation(a: Any, b: Any) -> float:
        return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])

    best = (-1.0, 0.0)
    for whole, fitted in ((one.grey, other.grey), (other.grey, one.grey)):
        picture = shrunk(whole, 32)
        for side in range(32, 20, -1):
            for template in (shrunk(fitted, side), shrunk(fitted[:, ::-1], side)):
                for top, left in np.ndindex(33 - side, 33 - side):
                    window = picture[top : top + side, left : left + side]
                    found = correlation(window, template)
                    if found > best[0]:
                        a, b = (
                            np.concatenate([np.diff(p, axis=0).ravel(), np.diff(p).ravel()]) for p in (window, template)
                        )
                        best = (found, float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    return best[1]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "mirrored", "cut and mirrored", "other"])
def test_likenesses__by_their_definition(how: str) -> None:
    picture = scene(0)
    altered = scene(1) if how == "other" else cut(picture) if "cut" in how else picture
    pair = look_at(picture), look_at(ImageOps.mirror(altered) if "mirrored" in how else altered)
    assert likeness(*pair) == pytest.approx(slow_likeness(*pair), abs=1e-4)
    assert likeness(*pair[::-1]) == pytest.approx(slow_likeness(*pair), abs=1e-4)


def test_likenesses__unread_pictures_and_many_pairs() -> None:
    """Five hundred pairs of four pictures, of which the last was not looked at, say what each pair says alone."""
    shown = [look_at(image) for image in (scene(0), cut(scene(0)), scene(1))]
    looks = Looks(4)
    for row, look in enumerate(shown):
        looks.keep(row, look)
    pairs = np.random.default_rng(0).integers(0, 4, size=(500, 2))
    for (one, other), found in zip(pairs.tolist(), likenesses(looks, pairs).tolist(), strict=True):
        if 3 in (one, other):
            assert np.isnan(found)
        else:
            assert found == likeness(shown[one], shown[other])


def test_find_duplicates__broken_files_are_counted_and_named(folder: list[Path]) -> None:
    folder[41].write_bytes(b"no picture")
    columns = run(folder, vectors_of(folder, near=0.2))
    assert columns.facts["unreadable"] == 1
    assert columns.facts["unreadable_first"][0].startswith("mirrored.jpg cannot be read")
    assert columns.values["group"][42] == 0


def test_likeness__altered_and_other_pictures() -> None:
    """As measured on photographs: altered copies from 0.69, neighbors up to 0.39."""
    picture = scene(0)
    look = look_at(picture)
    for altered in (picture.convert("L").convert("RGB"), picture.resize((50, 50)), ImageOps.mirror(picture)):
        assert likeness(look, look_at(altered)) > 0.95
    for altered in (cut(picture), ImageOps.mirror(cut(picture)), cut(picture, 0.75)):
        assert likeness(look, look_at(altered)) > 0.65
        assert likeness(look_at(altered), look) > 0.65
    assert max(likeness(look, look_at(scene(seed))) for seed in range(1, 20)) < 0.5


def test_likeness__flat_pictures_have_only_their_colour() -> None:
    red, same, blue = (look_at(Image.new("RGB", (20, 20), c)) for c in ((200, 0, 0), (201, 1, 0), (0, 0, 200)))
    assert likeness(red, same) == 1
    assert likeness(red, blue) == 0
    assert likeness(red, look_at(scene(0))) == 0


def test_tight_groups__a_chain_is_cut() -> None:
    # 0 - 1 - 2 - 3 - 4: units 1, 2 and 3 have two partners each; the nearest pairs are 1-2 and 2-3
    medoid, similarity = tight_groups(
        5, np.array([0, 1, 2, 3]), np.array([1, 2, 3, 4]), np.array([0.9, 0.95, 0.95, 0.9], np.float32)
    )
    assert medoid.tolist() == [0, 2, 2, 2, 4]
    assert similarity == pytest.approx([1, 0.95, 0.95, 0.95, 1])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.floats(0.5, 0.999), st.integers(0, 1000))
def test_pairs_and_groups__against_brute_force(n: int, threshold: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = unit(rng.normal(size=(5, 3))[rng.integers(5, size=n)] + 0.2 * rng.normal(size=(n, 3)))
    x[rng.integers(n, size=n // 4)] = x[0]  # copies
    pairs = pairs_within(x, build_graph(x, k=3), threshold)  # lists of 3 are full: the rest is searched
    similar = x.astype(np.float64) @ x.T.astype(np.float64)
    first = [int(np.flatnonzero((x == row).all(axis=1))[0]) for row in x]
    assert pairs.copy_of.tolist() == first
    found = set(zip(pairs.one.tolist(), pairs.other.tolist(), strict=True))
    distinct = sorted(set(first))
    for a in distinct:
        for b in distinct:
            if a < b and abs(similar[a, b] - threshold) > 1e-5:
                assert ((a, b) in found) == (similar[a, b] > threshold)
    medoid, _ = tight_groups(n, pairs.one, pairs.other, pairs.similarity)
    for unit_, centre in enumerate(medoid.tolist()):
        assert medoid[centre] == centre
        assert unit_ == centre or (min(unit_, centre), max(unit_, centre)) in found
    # nothing is left out that has a partner left out
    alone = {u for u in range(n) if (medoid == medoid[u]).sum() == 1}
    assert not any(a in alone and b in alone for a, b in found)


def test_automatic_threshold__copies_do_not_move_it() -> None:
    rng = np.random.default_rng(0)
    x = unit(rng.normal(size=(300, 16)))
    plain = automatic_threshold(build_graph(x, k=24), 0.4)
    copied = automatic_threshold(
        build_graph(unit(np.vstack([x, x[:60] + 0.001 * rng.normal(size=(60, 16))])), k=24), 0.4
    )
    assert copied == pytest.approx(plain, abs=0.01)
    assert automatic_threshold(build_graph(x[:1], k=24), 0.4) == 1


@pytest.mark.slow
def test_pairs_within__too_many() -> None:
    x = unit(1 + 1e-3 * np.random.default_rng(0).normal(size=(4000, 4)))
    with pytest.raises(ParamError, match="threshold must be high enough to pair at most 5,000,000 samples; got 0.5"):
        pairs_within(x, build_graph(x, k=5), 0.5)


def test_pairs_down_to__as_far_as_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_pairs, "MOST_PAIRS", 1000)
    x = unit(1 + 0.1 * np.random.default_rng(0).normal(size=(200, 4)))
    graph = build_graph(x, k=5)
    pairs, reached = pairs_down_to(x, graph, 0.5, 1.0)
    assert 0.5 < reached < 1
    assert 0 < len(pairs.one) <= 1000
    np.testing.assert_array_equal(pairs.one, pairs_within(x, graph, reached).one)
    assert pairs_down_to(x, graph, reached, 1.0)[1] == reached
    with pytest.raises(ParamError, match="at most 1,000 samples; got 0.6, which pairs more: raise it"):
        pairs_down_to(x, graph, 0.5, 0.6)


def test_best_of__order_of_the_policy() -> None:
    small, large = look_at(scene(0)), look_at(scene(0).resize((150, 150)))
    blurred = look_at(scene(0).resize((20, 20)).resize((96, 96)))

    def best(shown: dict[int, Look], doubtful: tuple[bool, bool] = (False, False)) -> int:
        nothing = np.zeros(0, np.int64)
        looks = Looks(2)
        for row, look in shown.items():
            looks.keep(row, look)
        worth = replace(
            Worth.of(Inputs(n=2), None, np.array([0, 0]), looks), doubtful=np.array(doubtful), labels=nothing
        )
        return int(worth.best_of(np.array([0, 0]))[0])

    assert best({1: small}) == 1  # the other cannot be read
    assert best({0: small, 1: large}) == 1
    assert best({0: blurred, 1: small}) == 1
    assert best({0: small, 1: small}) == 0
    assert best({0: small, 1: large}, (False, True)) == 0


def _same(one: Columns, other: Columns) -> None:
    for name, values in one.values.items():
        np.testing.assert_array_equal(np.asarray(values), np.asarray(other.values[name]), err_msg=name)


@pytest.mark.slow
def test_move__equals_a_new_run(folder: list[Path]) -> None:
    x = vectors_of(folder, near=0.2)
    automatic = run(folder, x)
    lowest = automatic.facts["threshold"]
    for threshold in (lowest, 0.9, 0.97, 1.0):
        again = run(folder, x, threshold=threshold)
        _same(move(automatic.kept, DuplicatesParams(), threshold), again)
        assert again.facts["floor"] == pytest.approx(min(lowest, threshold))
    tight = run(folder, x, threshold=0.999)
    assert tight.facts["in_groups"]["near"] < automatic.facts["in_groups"]["near"]
    _same(move(tight.kept, DuplicatesParams(), lowest), automatic)  # and back down
    with pytest.raises(ParamError, match=r"it looked for pairs down to .*, got 0\.1: run it again"):
        move(automatic.kept, DuplicatesParams(), 0.1)
    exact = run(folder, None, embeddings=None)
    with pytest.raises(ParamError, match="it looked for exact copies only"):
        move(exact.kept, DuplicatesParams(), 0.9)


def test_groups_of__numbers_stay_when_the_threshold_moves() -> None:
    """Pairs 0-5, 1-4 and 2-3, and a triple 6-7-8 that loses 8: the others keep their numbers."""
    one, other = np.array([0, 1, 2, 6, 6]), np.array([5, 4, 3, 7, 8])
    similarity = np.array([0.99, 0.91, 0.97, 0.98, 0.92], np.float32)
    found = Copies(np.arange(10), np.zeros(10, dtype=bool), one, other, similarity, Looks(0), {})
    low, high = groups_of(found)[0], groups_of(found.above(0.95))[0]
    assert low.tolist() == [0, 1, 2, 2, 1, 0, 6, 6, 6, -1]
    assert high.tolist() == [0, -1, 2, 2, -1, 0, 6, 6, -1, -1]


def test_find_duplicates__counts_are_of_images(folder: list[Path]) -> None:
    found = run(folder, vectors_of(folder, near=0.2))
    assert found.values["copies"].tolist() == [6, 2, *[1] * 38, *[6] * 5, 2]
    assert sum(found.facts["in_groups"].values()) == 8
    assert found.facts["surplus"] == 6


def test_doubtful_labels__the_copy_that_neighbors_contradict() -> None:
    # rows 0 and 1 are copies at the origin of cluster a; row 1 says b
    x = unit(np.array([[1, 0], [1, 0.001], [1, 0.1], [1, 0.12], [1, -0.1], [0, 1], [0.1, 1]]))
    labels = GivenLabels.of(["a", "b", "a", "a", "a", "b", "b"])
    doubtful = doubtful_labels(labels, build_graph(x, k=4), np.array([0, 0, -1, -1, -1, -1, -1]))
    assert doubtful.tolist() == [False, True, False, False, False, False, False]


def test_find_duplicates__one_file_is_one_picture(tmp_path: Path) -> None:
    """A path twice, a link, a hard link: no copies of each other; no surplus file is one that is used."""
    for number in range(8):
        scene(number).save(tmp_path / f"{number}.png")
    (tmp_path / "a_link.png").symlink_to(tmp_path / "0.png")
    (tmp_path / "b_hard.png").hardlink_to(tmp_path / "1.png")
    shutil.copy(tmp_path / "2.png", tmp_path / "c_copy.png")
    (tmp_path / "d_to_copy.png").symlink_to(tmp_path / "c_copy.png")
    (tmp_path / "e_chain.png").symlink_to(tmp_path / "a_link.png")
    paths = sorted(tmp_path.iterdir()) + [tmp_path / "3.png"]
    rng = np.random.default_rng(0)
    of_scene = {"a_link": 0, "b_hard": 1, "c_copy": 2, "d_to_copy": 2, "e_chain": 0}
    number = [of_scene.get(path.stem, -1) if path.stem in of_scene else int(path.stem) for path in paths]
    vectors = unit(rng.standard_normal((8, 16)))[number]
    for keep in ("best", "first"):
        for embeddings in ("embeddings", None):
            found = run(paths, vectors if embeddings else None, embeddings=embeddings, keep=keep)
            kept = found.values["keep"]
            used = {path.resolve() for path, stays in zip(paths, kept, strict=True) if stays}
            surplus = {path.resolve() for path, stays in zip(paths, kept, strict=True) if not stays}
            assert not used & surplus
            groups = {path.name for path, at in zip(paths, found.values["group"], strict=True) if at is not None}
            assert groups == {"2.png", "c_copy.png", "d_to_copy.png"}  # the one file that is there twice
            assert surplus in ({tmp_path / "2.png"}, {tmp_path / "c_copy.png"})
            assert found.facts["same_file"] == 5
            assert set(found.values["copies"]) == {1, 2}
