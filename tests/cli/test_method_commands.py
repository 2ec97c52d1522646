"""Single methods on a folder: their columns as a table, their parameters as options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.cli.main import main
from image_curation.core.embeddings.parquet_files import read_parquet


def rows_of(path: Path) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in json.loads(path.read_text())}


def test_embed__is_read_as_vectors_from_elsewhere(planted: Path, tmp_path: Path) -> None:
    table = tmp_path / "vectors.parquet"
    assert main(["embed", str(planted), "--model", "descriptor", "--table", str(table)]) == 0
    found = read_parquet(str(table))
    paths = list(found["names"]["path"])
    vectors = found["embeddings"]
    assert vectors.shape == (35, 128)
    assert np.isnan(vectors[paths.index("train/red/broken.png")]).all()
    one, other = (vectors[paths.index(name)] for name in ("train/red/0.png", "test/red/leak.png"))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_select(planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "subset.json"
    options = ["--model", "descriptor", "--purpose", "balanced_training_set", "--n", "6", "--table", str(table)]
    assert main(["select", str(planted), *options]) == 0
    assert capsys.readouterr().out.startswith("Picked 6 of 34 samples (balanced training set)")
    chosen = [row for row in rows_of(table).values() if row["subset_selected"]]
    assert sorted(row["label"] for row in chosen) == ["blue"] * 3 + ["red"] * 3
    assert sorted(row["subset_rank"] for row in chosen) == [1, 2, 3, 4, 5, 6]


def test_split__keeps_copies_together(planted: Path, tmp_path: Path) -> None:
    table = tmp_path / "split.json"
    options = ["--model", "descriptor", "--fractions", "train=0.5", "test=0.5", "--table", str(table)]
    assert main(["split", str(planted), *options]) == 0
    rows = rows_of(table)
    assert {row["split"] for row in rows.values()} == {"train", "test", None}
    assert rows["train/red/broken.png"]["split"] is None
    assert rows["test/red/leak.png"]["split"] == rows["train/red/0.png"]["split"]
    assert rows["test/red/leak.png"]["given_split"] == "test"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["select", "{}", "--table", "{}/t.csv", "--n", "0"], "SubsetParams.n must be a whole number of at least 1"),
        (["select", "{}", "--table", "{}/t.csv", "--n", "many"], "argument --n: invalid int value: 'many'"),
        (["select", "{}", "--table", "{}/t.csv", "--purpose", "fun"], "argument --purpose: invalid choice: 'fun'"),
        (["split", "{}", "--table", "{}/t.csv", "--fractions", "train=1"], "at least 2 different splits"),
        (["embed", "{}"], "required: --table"),
        (["embed", "{}", "--table", "{}/t.npz"], "--table must end in .parquet, .csv or .json"),
        (["embed", "{}", "--table", "{}/t.csv", "--model", "none"], "EmbeddingsParams.model must be"),
    ],
)
def test_bad_use(
    planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    folder = [options[0], str(planted), *(one.format(tmp_path) for one in options[2:])]
    assert main(folder) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
