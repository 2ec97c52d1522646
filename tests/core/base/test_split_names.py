"""Names of splits as people write them."""

from __future__ import annotations

import pytest
from image_curation.core.base.split_names import split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("train2017", "train"),
        ("train_set", "train"),
        ("trainset", "train"),
        ("valid", "val"),
        ("validation", "val"),
        ("VAL2017", "val"),
        ("dev", "val"),
        ("test", "test"),
        ("test-images", "test"),
        ("trains", None),  # locomotives
        ("contest", None),
        ("testudo", None),
        ("valley", None),
        ("device", None),
        ("2017", None),
        ("", None),
    ],
)
def test_split_of__folders_as_people_name_them(name: str, split: str | None) -> None:
    assert split_of(name) == split
