"""Vectors from elsewhere find their images by what the file says, in whatever column it says it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.import_embeddings import (
    LOOKED_INTO,
    ImportEmbeddingsParams,
    import_embeddings,
    look_before,
)
from image_curation.core.embeddings.vector_files import match_paths

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

N = 12
PATHS = [f"/data/cats/{row:03}.jpg" for row in range(N)]
ORDER = np.random.default_rng(0).permutation(N)  # row of the file → image
VECTORS = np.eye(N, dtype=np.float32)[ORDER]
NAMES = [f"{row:03}.jpg" for row in ORDER]


def check(path: Path, column: str) -> None:
    inputs = Inputs(n=N, ids=[f"id{row}" for row in range(N)], paths=PATHS)
    found = import_embeddings(inputs, ImportEmbeddingsParams(path=str(path)), silent)
    assert np.array_equal(found.values[""], np.eye(N))
    assert found.facts["matched_in"] == column
    assert repr(column) in found.facts["headline"]


@pytest.mark.parametrize("column", ["file_name", "filename", "key", "url", "uri", "image.path", "whatever", "index"])
def test_import_embeddings__parquet(tmp_path: Path, column: str) -> None:
    texts = [f"https://host/x/{name}?w=3" for name in NAMES] if column in ("url", "uri") else list(NAMES)
    texts = [one[:-4] for one in texts] if column == "key" else texts
    table = {"caption": [f"caption {row}" for row in range(N)], "img_emb": VECTORS.tolist()}
    if column == "image.path":
        table["image"] = [{"bytes": None, "path": one} for one in texts]
    elif column == "index":
        import pandas as pd

        pd.DataFrame(table, index=texts).to_parquet(tmp_path / "v.parquet")
        return check(tmp_path / "v.parquet", "__index_level_0__")
    else:
        table[column] = texts
    parquet.write_table(pyarrow.table(table), str(tmp_path / "v.parquet"))
    return check(tmp_path / "v.parquet", column.split(".")[-1])  # pyarrow names a part of a struct by its last name


@pytest.mark.parametrize(("vectors", "names"), [("features", "filenames"), ("embeddings", "paths"), ("x", "keys")])
def test_import_embeddings__npz(tmp_path: Path, vectors: str, names: str) -> None:
    np.savez(tmp_path / "v.npz", **{vectors: VECTORS, names: np.array(NAMES)})
    check(tmp_path / "v.npz", names)


def test_import_embeddings__clip_retrieval_in_one_file_and_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "img_emb").mkdir()
    (tmp_path / "metadata").mkdir()
    for number, rows in enumerate((slice(0, 5), slice(5, N))):
        np.save(tmp_path / "img_emb" / f"img_emb_{number}.npy", VECTORS[rows].astype(np.float16))
        names = pyarrow.table({"image_path": [f"elsewhere/{name}" for name in NAMES[rows]]})
        parquet.write_table(names, str(tmp_path / "metadata" / f"metadata_{number}.parquet"))
    check(tmp_path / "img_emb", "image_path")


@pytest.mark.parametrize("beside", ["v.ids.txt", "v.txt", "paths.txt", "filenames.txt"])
def test_import_embeddings__npy_with_names_beside_it(tmp_path: Path, beside: str) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    (tmp_path / beside).write_text("\n".join(NAMES))
    check(tmp_path / "v.npy", beside)


def test_import_embeddings__lightly(tmp_path: Path) -> None:
    with (tmp_path / "embeddings.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["filenames", *(f"embedding_{one}" for one in range(N)), "labels"])
        write.writerows([name, *row, 0] for name, row in zip(NAMES, VECTORS.tolist(), strict=True))
    check(tmp_path / "embeddings.csv", "filenames")


def test_import_embeddings__as_many_rows_and_other_names(tmp_path: Path) -> None:
    """As many rows as images, and names of other images: never by order."""
    np.savez(tmp_path / "v.npz", features=VECTORS, filenames=np.array([f"other{row}.png" for row in range(N)]))
    with pytest.raises(ParamError, match=r"0 paths match \(the first is 'other0.png'\)"):
        check(tmp_path / "v.npz", "filenames")


def test_match_paths__equal_names_in_several_folders() -> None:
    wanted = ["/data/train/cats/1.jpg", "/data/train/dogs/1.jpg", "/data/val/dogs/1.jpg"]
    given = ["val/dogs/1.jpg", "train/dogs/1.jpg", "train/cats/1.jpg"]
    found, by_name = match_paths(wanted, given)
    assert (found.tolist(), by_name) == ([2, 1, 0], 0)


def test_look_before__says_how_many_match_by_what_and_what_is_left_over(tmp_path: Path) -> None:
    """Ten of twelve are named, and four vectors are of other images; the run comes out as was said."""
    names = [f"{row:03}.jpg" for row in range(10)] + [f"other{row}.jpg" for row in range(4)]
    np.savez(tmp_path / "v.npz", features=np.eye(14, dtype=np.float32), key=np.array(names))
    inputs, params = Inputs(n=N, paths=PATHS), ImportEmbeddingsParams(path=str(tmp_path / "v.npz"))
    assert look_before(inputs, params) == (
        "10 of 12 images match by path in 'key', 10 of them by file name only; vectors left over: 4 "
        "(other0.jpg, other1.jpg, other2.jpg, ...); images without one: 2 (010.jpg, 011.jpg)"
    )
    assert import_embeddings(inputs, params, silent).facts["matched"] == 10


def test_look_before__order_and_files_that_cannot_be_taken(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    inputs, path = Inputs(n=N, paths=PATHS), str(tmp_path / "v.npy")
    said = look_before(inputs, ImportEmbeddingsParams(path=path))
    assert said is not None
    assert "names no images" in said
    said = look_before(inputs, ImportEmbeddingsParams(path=path, by_order=True))
    assert said == "Row i of v.npy would be image i, for 12 images; the run holds that against the images"
    said = look_before(inputs, ImportEmbeddingsParams(path=str(tmp_path / "none.npy")))
    assert said is not None
    assert said.endswith("there is no such file")
    with (tmp_path / "v.npy").open("ab") as file:
        file.truncate(LOOKED_INTO + 1)
    assert look_before(inputs, ImportEmbeddingsParams(path=path)) is None
