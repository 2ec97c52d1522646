"""Vectors from files of images and from files of vectors."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from image_curation.core.base.arrays import Interrupted, silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings
from image_curation.core.embeddings.import_embeddings import METHOD as IMPORT_METHOD
from image_curation.core.embeddings.import_embeddings import ImportEmbeddingsParams, import_embeddings
from image_curation.core.embeddings.models.base import Engine, Request
from image_curation.core.embeddings.models.descriptor import Descriptor, Whitening
from image_curation.core.embeddings.pipeline import Source, embed_stream, learn
from image_curation.core.embeddings.vector_files import match_paths, read_npz, read_vectors, write_npy, write_npz
from image_curation.core.images.digits import load_digits
from PIL import Image


def made_images(folder: Path, count: int = 6, size: int = 32) -> list[str]:
    rng = np.random.default_rng(0)
    paths = []
    for i in range(count):
        path = folder / f"{i}.png"
        Image.fromarray(rng.integers(0, 255, (size, size, 3)).astype(np.uint8)).save(path)
        paths.append(str(path))
    return paths


def embed(paths: list[str], **params: object) -> Columns:
    """By the descriptor, unless another model is named: it needs no weights, and its vectors are known exactly."""
    params = {"model": "descriptor", **params}
    return compute_embeddings(Inputs(n=len(paths), paths=paths), EmbeddingsParams(**params), silent)  # type: ignore[arg-type]


@pytest.mark.slow
def test_compute_embeddings__unreadable_files_have_a_sentence_and_no_vector(tmp_path: Path) -> None:
    paths = made_images(tmp_path)
    Path(paths[1]).write_text("I am not a picture")
    paths.append(str(tmp_path / "missing.jpg"))
    columns = embed(paths)
    vectors, errors = columns.values[""], columns.values["error"]
    assert np.isnan(vectors).all(axis=1).tolist() == [False, True, False, False, False, False, True]
    assert [error is None for error in errors] == [True, False, True, True, True, True, False]
    assert errors[1] == "1.png cannot be read: it is text, not an image"
    assert (columns.facts["embedded"], columns.facts["unreadable"]) == (5, 2)
    assert columns.facts["headline"] == "5 images embedded in 128 dimensions by descriptor; 2 cannot be read"


@pytest.mark.slow
def test_compute_embeddings__batches_and_threads_change_nothing(tmp_path: Path) -> None:
    paths = made_images(tmp_path, 7)
    one = embed(paths, batch_size=1, workers=1).values[""]
    many = embed(paths, batch_size=64, workers=4).values[""]
    np.testing.assert_allclose(one, many, atol=1e-5)


@pytest.mark.slow
def test_compute_embeddings__same_seed_same_vectors(tmp_path: Path) -> None:
    paths = made_images(tmp_path)
    assert np.array_equal(embed(paths, seed=3).values[""], embed(paths, seed=3).values[""])


@pytest.mark.slow
def test_compute_embeddings__degenerate_sets(tmp_path: Path) -> None:
    """One image, identical images, none readable, none at all: vectors that a cosine can compare, or gaps."""
    (path,) = made_images(tmp_path, 1)
    alone = embed([path]).values[""]
    assert alone.shape == (1, 128)
    assert np.linalg.norm(alone) == pytest.approx(1)
    same = embed([path] * 3).values[""]
    assert np.array_equal(same, np.repeat(same[:1], 3, axis=0))
    assert np.linalg.norm(same[0]) == pytest.approx(1)
    assert np.isnan(embed([str(tmp_path / "missing.png")]).values[""]).all()
    assert embed([]).values[""].shape == (0, 128)


def test_compute_embeddings__progress_reaches_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    paths = made_images(tmp_path, 5)
    inputs = Inputs(n=5, paths=paths)
    compute_embeddings(
        inputs,
        EmbeddingsParams(model="descriptor", batch_size=2),
        lambda done, total, doing="": seen.append((done, total)),
    )
    assert seen == [(0, 5), (5, 5), (2, 5), (4, 5), (5, 5)]  # loading, learning, embedding


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("resnet", "must begin with one of descriptor, photographs, open_clip, "),
        ("descriptor:big", "must be descriptor alone"),
        ("tiny_clip:big", "must be tiny_clip alone"),
    ],
)
def test_compute_embeddings__unknown_model(model: str, sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        embed([], model=model)


@pytest.mark.slow
def test_import__is_light() -> None:
    """The App imports every method's declaration; it must not wait for torch."""
    code = (
        "import sys; sys.path.insert(0, 'scripts'); from checkout import load_package; load_package();"
        "import image_curation.core.embeddings.compute_embeddings, image_curation.core.zero_shot.tag_zero_shot;"
        "import image_curation.core.images.digits;"
        "print([name for name in ('torch', 'open_clip', 'sklearn', 'torchvision', 'PIL') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_descriptor__digits() -> None:
    """Leave-one-out 5 nearest neighbors on all 1,797 digits as pictures, with nothing learned from labels."""
    digits = load_digits()
    engine = Descriptor(Request("descriptor"))
    pictures = [np.stack([engine.prepare(Image.fromarray(i)) for i in p]) for p in np.array_split(digits.images(), 30)]
    engine.learn(pictures, 51, silent)
    x = np.concatenate([engine.embed(batch) for batch in pictures])
    similar = x @ x.T
    np.fill_diagonal(similar, -2)
    nearest = digits.labels[np.argpartition(-similar, 5, axis=1)[:, :5]]
    votes = (nearest[:, :, None] == np.arange(10)).sum(axis=1)
    assert (votes.argmax(axis=1) == digits.labels).mean() > 0.98


def test_descriptor__size_hardly_matters() -> None:
    """The same scene at 64, 200 and 900 pixels keeps its descriptor; another scene does not."""
    engine = Descriptor(Request("descriptor"))
    rng = np.random.default_rng(0)
    scenes = [Image.fromarray(rng.integers(0, 255, (6, 6, 3)).astype(np.uint8)) for _ in range(2)]
    sizes = [scenes[0].resize((s, s), Image.Resampling.BICUBIC) for s in (64, 200, 900)]
    x = engine.raw(np.stack([engine.prepare(image) for image in [*sizes, scenes[1].resize((200, 200))]]))
    x = x - x.mean(axis=0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    assert (x @ x.T)[:3, :3].min() > 0.9
    assert (x @ x.T)[3, :3].max() < 0


def test_whitening__by_hand() -> None:
    """Two axes, variances 4 and 1: without shrinkage both get variance 1, so (2, 1) lies at 45 degrees."""
    x = np.array([[2, 1], [2, -1], [-2, 1], [-2, -1]], dtype=np.float32)
    y = Whitening.learned(x, dim=3, power=0.5, shrink=0.0)(x)
    np.testing.assert_allclose(np.abs(y[:, 1:]), np.full((4, 2), np.sqrt(0.5)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_learn__from_a_seeded_sample_of_large_sets(tmp_path: Path) -> None:
    sources = [Source(path, (row,)) for row, path in enumerate(made_images(tmp_path, 12, 8))]

    def axes(seed: int) -> np.ndarray:
        engine = Descriptor(Request("descriptor"))
        engine.learns_from = 6
        learn(engine, sources, seed)
        return engine.state()["axes"]

    assert np.array_equal(axes(1), axes(1))
    assert not np.array_equal(axes(1), axes(2))


def test_descriptor__state_lets_images_join(tmp_path: Path) -> None:
    """A restored engine, alone with one image, gives it the vector that it had among all."""
    sources = [Source(path, (row,)) for row, path in enumerate(made_images(tmp_path))]
    engine, other = Descriptor(Request("descriptor")), Descriptor(Request("descriptor"))
    learn(engine, sources, 51)
    other.restore(engine.state())
    among = dict(embed_stream(engine, sources))
    alone = dict(embed_stream(other, sources[4:5]))
    np.testing.assert_allclose(alone[4], among[4], atol=1e-6)


def test_embed_stream__crops_are_cut_from_one_decoding(tmp_path: Path) -> None:
    """The left half is red and the right half blue; a box beyond the edge keeps one pixel."""
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (20, 0, 40, 20))
    picture.save(tmp_path / "halves.png")
    boxes = ((0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0), (1.0, 1.0, 1.1, 1.1))
    sources = [Source(str(tmp_path / "halves.png"), (3, 1, 7), boxes), Source(str(tmp_path / "none.png"), (0,))]
    engine = MeanColour()
    found = list(embed_stream(engine, sources, batch_size=2))
    assert [row for row, _ in found] == [3, 1, 7, 0]
    assert [np.asarray(vector).tolist() for _, vector in found[:3]] == [[255, 0, 0], [0, 0, 255], [0, 0, 255]]
    assert str(found[3][1]) == "none.png cannot be read: there is no such file"


def test_embed_stream__halves_what_does_not_fit(tmp_path: Path) -> None:
    """An engine that can hold three pictures is given 10, 5, then 2 at a time, and every row gets its vector."""
    sources = [Source(path, (row,)) for row, path in enumerate(made_images(tmp_path, 10))]
    engine = MeanColour(holds=3)
    found = list(embed_stream(engine, sources, batch_size=10))
    assert [row for row, _ in found] == list(range(10))
    assert engine.given == [10, 5, 2, 2, 2, 2, 2]
    with pytest.raises(ParamError, match="no memory for even one picture at once"):
        list(embed_stream(MeanColour(holds=0), sources, batch_size=10))


def test_embed_stream__holds_a_few_batches_whatever_the_number(tmp_path: Path) -> None:
    """Sources are taken as they are needed: 10,000 of them, and after the first vector at most 40 have been."""
    (path,) = made_images(tmp_path, 1)
    taken: list[int] = []

    def sources() -> Iterator[Source]:
        for row in range(10_000):
            taken.append(row)
            yield Source(path, (row,))

    stream = embed_stream(MeanColour(), sources(), batch_size=4, workers=2)
    assert next(stream)[0] == 0
    assert len(taken) <= 40
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read_images")]


@pytest.mark.slow
def test_compute_embeddings__interrupted_leaves_no_threads(tmp_path: Path) -> None:
    def stop(done: int, total: int, doing: str = "") -> None:
        if doing == "embedding images":
            raise Interrupted

    paths = made_images(tmp_path, 30)
    with pytest.raises(Interrupted):
        compute_embeddings(Inputs(n=30, paths=paths), EmbeddingsParams(batch_size=2), stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read_images")]


class MeanColour(Engine):
    """Mean red, green and blue, for at most `holds` pictures at once."""

    dim = 3
    enough = 4

    def __init__(self, holds: int = 100) -> None:
        self.holds = holds
        self.given: list[int] = []

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((4, 4)), dtype=np.float32)

    def embed(self, batch: np.ndarray) -> np.ndarray:
        self.given.append(len(batch))
        if len(batch) > self.holds:
            raise MemoryError
        return batch.mean(axis=(1, 2))


def imported(path: Path, paths: list[str], **params: object) -> Columns:
    chosen = ImportEmbeddingsParams(path=str(path), **params)  # type: ignore[arg-type]
    return import_embeddings(Inputs(n=len(paths), paths=paths), chosen, silent)


def test_import_embeddings__matches_in_any_order(tmp_path: Path) -> None:
    """a and b by full path, c by its unique name; d is not in the file, and e's name occurs twice in it."""
    paths = [f"/data/{name}.jpg" for name in "abcde"]
    given = ["/data/b.jpg", "/elsewhere/c.jpg", "/data/a.jpg", "/x/e.jpg", "/y/e.jpg"]
    write_npz(str(tmp_path / "v.npz"), np.arange(10).reshape(5, 2), given)
    columns = imported(tmp_path / "v.npz", paths)
    expected = [[4, 5], [0, 1], [2, 3], [np.nan, np.nan], [np.nan, np.nan]]
    np.testing.assert_array_equal(columns.values[""], np.array(expected, dtype=np.float32))
    assert columns.values["error"] == [None, None, None, "v.npz names no such image", "v.npz names no such image"]
    assert columns.facts["matched"] == 3
    assert columns.facts["matched_by_name_only"] == 1
    assert columns.facts["samples_without_vector_first"] == ["/data/d.jpg", "/data/e.jpg"]
    assert columns.facts["vectors_unused"] == 2
    assert columns.facts["headline"] == (
        "3 of 5 images have a vector in v.npz, matched by path in 'image_paths', 1 of them by file name only"
    )


def test_import_embeddings__by_order_only_if_told_so(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.eye(3, dtype=np.float64))
    with pytest.raises(ParamError, match=r"names no images.*set by_order=True if row i is image i \(3 samples\)"):
        imported(tmp_path / "v.npy", ["a", "b", "c"])
    columns = imported(tmp_path / "v.npy", ["a", "b", "c"], by_order=True)
    assert columns.facts["headline"] == (
        "3 of 3 images have a vector in v.npy, matched by order, which the images neither confirm nor contradict"
    )
    assert columns.values[""].dtype == np.float32
    assert np.array_equal(columns.values[""], np.eye(3))
    with pytest.raises(ParamError, match=r"one vector per sample \(2\) to be matched by order; got 3"):
        imported(tmp_path / "v.npy", ["a", "b"], by_order=True)


def test_import_embeddings__nan_rows_have_a_sentence(tmp_path: Path) -> None:
    vectors = np.array([[1, 2], [np.nan, 0], [np.inf, 0]])
    write_npz(str(tmp_path / "v.npz"), vectors, ["a", "b", "c"])
    columns = imported(tmp_path / "v.npz", ["a", "b", "c"])
    assert columns.values["error"][0] is None
    assert columns.values["error"][1:] == ["its vector in v.npz holds NaN or infinity"] * 2
    assert columns.facts["not_finite"] == 2
    write_npz(str(tmp_path / "v.npz"), vectors[1:], ["b", "c"])
    with pytest.raises(ParamError, match="2 of 2 vectors hold NaN"):
        imported(tmp_path / "v.npz", ["b", "c"])


def test_import_embeddings__nothing_matches(tmp_path: Path) -> None:
    write_npz(str(tmp_path / "v.npz"), np.eye(2), ["/x/a.jpg", "/x/b.jpg"])
    with pytest.raises(ParamError, match=r"0 paths match \(the first is '/x/a.jpg'\)"):
        imported(tmp_path / "v.npz", ["/data/c.jpg"])
    assert IMPORT_METHOD.key == "embeddings"


def test_npz__round_trip(tmp_path: Path) -> None:
    path = str(tmp_path / "v.npz")
    write_npz(path, np.eye(2), ["a.jpg", "ü.jpg"], ["cat", None])
    back = read_npz(path)
    assert (back.paths, back.labels) == (["a.jpg", "ü.jpg"], ["cat", None])
    assert np.array_equal(back.embeddings, np.eye(2))
    assert os.listdir(tmp_path) == ["v.npz"]


def test_read_vectors__refuses(tmp_path: Path) -> None:
    def written(name: str, **arrays: object) -> str:
        np.savez(tmp_path / name, **arrays)  # type: ignore[arg-type]
        return str(tmp_path / name)

    empty = tmp_path / "empty"
    empty.mkdir()
    good = np.eye(2)
    pickled = np.array(["a", None], dtype=object)
    cases = [
        (written("1.npz", embeddings=good, image_paths=np.array(["a"])), r"as many image_paths as embeddings \(2\)"),
        (written("2.npz", embeddings=good, image_paths=pickled), "holds pickled Python objects, which are never read"),
        (written("3.npz", one=good, two=good), "must hold an array named embeddings"),
        (written("4.npz", embeddings=np.zeros(3)), r"rows and columns \(n, d\); got float64 of shape \(3,\)"),
        (written("5.npz", embeddings=np.array([["x"]])), "as numbers"),
        (written("6.npz", embeddings=good, labels=np.array(["a"] * 3)), "as many labels"),
        (str(tmp_path / "missing.npz"), "there is no such file"),
        (str(empty), "it is a folder"),
    ]
    (tmp_path / "text.npz").write_text("hello")
    cases.append((str(tmp_path / "text.npz"), "got another kind of file"))
    whole = Path(written("7.npz", embeddings=np.random.default_rng(0).random((50, 50)))).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    cases.append((str(tmp_path / "cut.npz"), "is damaged or cut short"))
    np.save(tmp_path / "objects.npy", pickled)
    cases.append((str(tmp_path / "objects.npy"), "holds pickled Python objects"))
    for path, sentence in cases:
        with pytest.raises(ParamError, match=sentence):
            read_vectors(path)
    with pytest.raises(ParamError, match="must hold an array image_paths"):
        read_npz(written("8.npz", embeddings=good))


def test_match_paths__a_vector_serves_one_image() -> None:
    """x/a.jpg is there by full path, so y/a.jpg must not take it by name; both are called a.jpg anyway."""
    found, by_name = match_paths(["/x/a.jpg", "/y/a.jpg"], ["/x/a.jpg"])
    assert found.tolist() == [0, -1]
    assert by_name == 0


def test_import_embeddings__npy_with_paths_or_ids_beside_it(tmp_path: Path) -> None:
    """Lines may be ids, here of b and a, or paths, here that of c; the fourth is of nobody."""
    write_npy(str(tmp_path / "v.npy"), np.eye(4), ["id_b", "id_a", "/data/c.jpg", "/data/z.jpg"])
    inputs = Inputs(n=3, ids=["id_a", "id_b", "id_c"], paths=["/data/a.jpg", "/data/b.jpg", "/data/c.jpg"])
    columns = import_embeddings(inputs, ImportEmbeddingsParams(path=str(tmp_path / "v.npy")), silent)
    assert np.array_equal(columns.values[""], np.eye(4)[[1, 0, 2]])
    assert columns.facts["matched_by"] == "id and path"
    assert columns.facts["vectors_unused_first"] == ["/data/z.jpg"]
    (tmp_path / "v.ids.txt").write_text("one\n")
    with pytest.raises(ParamError, match=r"must have a line for each of the 4 vectors; got 1"):
        read_vectors(str(tmp_path / "v.npy"))
    with pytest.raises(ParamError, match="line breaks do not fit into a text file"):
        write_npy(str(tmp_path / "w.npy"), np.eye(1), ["a\nb"])
