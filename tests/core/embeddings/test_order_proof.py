"""An order of vectors is held against the images: confirmed, contradicted, or left open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.import_embeddings import ImportEmbeddingsParams, import_embeddings
from image_curation.core.embeddings.order_proof import FEWEST, check_order
from PIL import Image

N = 48  # images of eight colours, that no order of names groups


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], np.ndarray]:
    """Paths 0.png to 47.png in the order of their numbers, and (48, 4) vectors near their images' colours."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    colours = random.permutation(np.repeat([[r, g, b] for r in (40, 210) for g in (40, 210) for b in (40, 210)], 6, 0))
    paths = [str(folder / f"{row}.png") for row in range(N)]
    for path, colour in zip(paths, colours, strict=True):
        Image.fromarray(np.clip(colour + random.normal(0, 12, (32, 32, 3)), 0, 255).astype(np.uint8)).save(path)
    vectors = np.concatenate([colours / 255, np.ones((N, 1))], axis=1) + random.normal(0, 0.02, (N, 4))
    return paths, vectors.astype(np.float32)


def test_check_order__confirmed(pictures: tuple[list[str], np.ndarray]) -> None:
    proof = check_order(pictures[1], pictures[0], silent)
    assert proof.holds
    assert proof.checked == N
    assert proof.likeness > proof.by_chance + 0.3


def test_check_order__vectors_that_say_nothing_of_the_images_leave_it_open(
    pictures: tuple[list[str], np.ndarray],
) -> None:
    paths, vectors = pictures
    for seed in range(5):
        random = np.random.default_rng(seed)
        noise = check_order(random.normal(size=(N, 4)).astype(np.float32), paths, silent)
        shuffled = check_order(vectors[random.permutation(N)], paths, silent)
        for proof in (noise, shuffled):
            assert not proof.holds
            assert not proof.better


def test_check_order__too_few_images_or_none_that_can_be_read_leave_it_open(
    pictures: tuple[list[str], np.ndarray],
) -> None:
    paths, vectors = pictures
    few = FEWEST - 1
    assert check_order(vectors[:few], paths[:few], silent).p == 1.0
    unread = check_order(vectors, ["/nowhere.png"] * N, silent)
    assert (unread.checked, unread.p) == (0, 1.0)


def test_check_order__a_few_rows_without_numbers(pictures: tuple[list[str], np.ndarray]) -> None:
    vectors = pictures[1].copy()
    vectors[[3, 17]] = np.nan
    assert check_order(vectors, pictures[0], silent).holds


@pytest.mark.parametrize(("order", "words"), [("text", "by path"), ("numbers", "by path, numbers by their size")])
def test_import_embeddings__another_order_contradicts(
    tmp_path: Path, pictures: tuple[list[str], np.ndarray], order: str, words: str
) -> None:
    """A tool wrote 0, 1, 10, 11 and the samples stand as 0, 1, 2, or the other way round."""
    paths, vectors = pictures
    by_text = sorted(range(N), key=lambda row: paths[row])
    rows, samples = (by_text, list(range(N))) if order == "text" else (list(range(N)), by_text)
    np.save(tmp_path / "v.npy", vectors[rows])
    inputs = Inputs(n=N, paths=[paths[row] for row in samples])
    params = ImportEmbeddingsParams(path=str(tmp_path / "v.npy"), by_order=True)
    with pytest.raises(ParamError, match=rf"contradicted by the images: .* {words} \(cosine .*v\.ids\.txt"):
        import_embeddings(inputs, params, silent)
    inputs = Inputs(n=N, paths=[paths[row] for row in rows])
    facts = import_embeddings(inputs, params, silent).facts
    assert facts["headline"].endswith("matched by order, which the images confirm")
