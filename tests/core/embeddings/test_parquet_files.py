"""Vectors in Parquet: what we write, and what notebooks and other tools write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.import_embeddings import ImportEmbeddingsParams, import_embeddings
from image_curation.core.embeddings.parquet_files import write_parquet
from image_curation.core.embeddings.vector_files import read_vectors

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def written(path: Path, **columns: Any) -> str:
    parquet.write_table(pyarrow.table(columns), str(path))
    return str(path)


def test_parquet__round_trip(tmp_path: Path) -> None:
    write_parquet(tmp_path / "v.parquet", np.eye(2), ["a.jpg", "ü.jpg"], ["id_a", "id_b"], ["cat", None])
    back = read_vectors(str(tmp_path / "v.parquet"))
    assert (back.paths, back.ids, back.labels) == (["a.jpg", "ü.jpg"], ["id_a", "id_b"], ["cat", None])
    assert back.embeddings.dtype == np.float32
    assert np.array_equal(back.embeddings, np.eye(2))
    assert os.listdir(tmp_path) == ["v.parquet"]


def test_import__by_id_then_by_path(tmp_path: Path) -> None:
    """a by its id although it moved; b by its path; d has no vector, and z no image."""
    write_parquet(tmp_path / "v.parquet", np.eye(3), ["/old/a.jpg", "/data/b.jpg", "/data/z.jpg"], ["1", "x", "y"])
    inputs = Inputs(n=3, ids=["1", "2", "4"], paths=["/data/a.jpg", "/data/b.jpg", "/data/d.jpg"])
    columns = import_embeddings(inputs, ImportEmbeddingsParams(path=str(tmp_path / "v.parquet")), silent)
    assert np.array_equal(columns.values[""][:2], np.eye(3)[:2])
    assert np.isnan(columns.values[""][2]).all()
    assert (columns.facts["matched"], columns.facts["matched_by"]) == (2, "id and path")
    assert columns.facts["samples_without_vector_first"] == ["/data/d.jpg"]
    assert columns.facts["vectors_unused_first"] == ["/data/z.jpg"]


def test_read__as_others_write_it(tmp_path: Path) -> None:
    """Lists of doubles, of halves in several row groups, and a row without a vector."""
    lists = written(tmp_path / "1.parquet", filepath=["a", "b", "c"], vector=[[1.0, 2.0], None, [3.0, 4.0]])
    back = read_vectors(lists)
    np.testing.assert_array_equal(back.embeddings, [[1, 2], [np.nan, np.nan], [3, 4]])
    halves = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(np.arange(6, dtype=np.float16)), 3)
    parquet.write_table(
        pyarrow.table({"embedding": halves, "sample_id": ["1", "2"]}), tmp_path / "2.parquet", row_group_size=1
    )
    back = read_vectors(str(tmp_path / "2.parquet"))
    assert (back.embeddings.tolist(), back.ids, back.paths) == ([[0, 1, 2], [3, 4, 5]], ["1", "2"], [])


def test_read__refuses(tmp_path: Path) -> None:
    cases = [
        (written(tmp_path / "1.parquet", x=[1]), "must hold a column embedding or embeddings or vector"),
        (written(tmp_path / "2.parquet", embedding=[1.0]), "as lists of numbers; got double"),
        (written(tmp_path / "3.parquet", embedding=[["a"]]), "as lists of numbers; got list"),
        (written(tmp_path / "4.parquet", embedding=[[1.0], [1.0, 2.0]]), "vectors of one length; got 1, 2"),
        (written(tmp_path / "5.parquet", embedding=pyarrow.array([None], pyarrow.list_(pyarrow.float32()))), "no vec"),
        (str(tmp_path / "missing.parquet"), "there is no such file"),
    ]
    (tmp_path / "6.parquet").write_bytes(b"PAR1 and no more")
    cases.append((str(tmp_path / "6.parquet"), "is damaged or no Parquet file"))
    for path, sentence in cases:
        with pytest.raises(ParamError, match=sentence):
            read_vectors(path)


def test_read__says_what_is_missing(tmp_path: Path) -> None:
    """Without pyarrow there is a sentence; other formats work."""
    code = (
        "import sys; sys.path.insert(0, 'scripts'); from checkout import load_package; load_package()\n"
        "sys.modules['pyarrow'] = None\n"
        "from image_curation.core.embeddings.vector_files import read_vectors\n"
        f"open({str(tmp_path / 'v.parquet')!r}, 'w').close()\n"
        f"read_vectors({str(tmp_path / 'v.parquet')!r})"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert "Parquet files need pyarrow, which is not installed; pip install pyarrow" in done.stderr
