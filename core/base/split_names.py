"""The names that people give to splits, in folders, tags and fields; one list for all who read or write them."""

from __future__ import annotations

import re

SPLITS = ("train", "val", "test")
WRITTEN = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "tests": "test",
    "tst": "test",
    "holdout": "test",
    "heldout": "test",
}
_AROUND = re.compile(r"[_\-. ]*(?P<name>[a-z]+?)[_\-. ]*(?:set|split|data|images)?[_\-. ]*(?:\d{1,4})?")


def split_of(name: str) -> str | None:
    """The split that a name stands for, one of `SPLITS`: Train, train2017, valid, test_set; None for other names."""
    found = _AROUND.fullmatch(name.strip().lower())
    return None if found is None else WRITTEN.get(found["name"])
