"""Findings that are known do not count, unless their file has changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from image_curation.cli import baseline
from image_curation.cli.check import Checked
from image_curation.core.base.params import ParamError


def test_baseline__knows_what_it_was_written_of(checked: Checked, tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    baseline.write(path, checked.spots)
    known = baseline.read(path)
    assert baseline.new_only(checked.spots, known) == []
    first, *_ = checked.spots
    others = [replace(first, place="elsewhere.png"), replace(first, content="0" * 64), first]
    assert baseline.new_only(others, known) == others[:2]
    again = tmp_path / "again.json"
    baseline.write(again, checked.spots[::-1])
    assert again.read_bytes() == path.read_bytes(), "it can be kept in git"


def test_baseline__of_nothing(tmp_path: Path) -> None:
    baseline.write(tmp_path / "none.json", [])
    assert baseline.read(tmp_path / "none.json") == frozenset()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "There is no baseline"),
        ("{", "cannot be read"),
        ("[]", "is no baseline"),
        (json.dumps({"format": baseline.FORMAT, "version": 2}), "is of version 2, and this program reads version 1"),
        (json.dumps({"format": baseline.FORMAT, "version": 1, "findings": [["leaks"]]}), "is damaged"),
    ],
)
def test_baseline__that_cannot_be_read(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "known.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ParamError, match=said) as error:
        baseline.read(path)
    assert "--write-baseline" in str(error.value)
