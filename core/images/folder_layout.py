"""What a folder of images says by its layout: classes and splits, and a table of labels beside the images.

Folders named like splits are splits, at any level, above or below those of classes; folders such as `images` that only
hold the pictures are passed by, and those such as `_unlabeled` say that there is no class. A `metadata.csv` with
`file_name`, as imagefolders on the Hugging Face hub have it, says more.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import DataError
from ..base.split_names import split_of
from .formats import SUFFIXES

HOLDERS = frozenset(("images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "data", "all"))
UNLABELLED = frozenset(("unlabeled", "unlabelled", "unknown", "unsorted", "nolabel", "none"))
LEVELS = ("parent", "top", "path", "none")
METADATA = "metadata.csv"
NO_UTF8 = "names that are not UTF-8, rename them:"


@dataclass
class FolderLayout:
    """What was found.

    Attributes:
        paths: (n,) absolute paths of the images, sorted.
        labels: (n,) class of each, or None.
        splits: (n,) train, val or test, or None.
        layout: what says the labels: "folders", "metadata.csv", or another kind of label file.
        left_out: ending → number of files that are no images that can be read, label files not counted.
        missing: images that label files name and that are not there.
        others: paths of the files that are no images.
        closed: folders that may not be read.
    """

    paths: list[str]
    labels: list[str | None]
    splits: list[str | None]
    layout: str = "folders"
    left_out: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def leave_out(self, used: Collection[str]) -> None:
        """Count the files that are neither images nor among the label files that were read."""
        self.left_out.update(ending(path) or "no ending" for path in self.others if path not in used)


def read_layout(root: str | Path, level: str = "parent") -> FolderLayout:
    """All images under a folder, with what folders and metadata.csv say of them.

    Args:
        level: see `find_images`.

    Raises:
        DataError: a metadata.csv cannot be read.
    """
    found = find_images(root, level)
    used = read_metadata(found, found.others) if level != "none" else set()
    found.layout = METADATA if used else found.layout
    found.leave_out(used)
    return found


def find_images(root: str | Path, level: str = "parent") -> FolderLayout:
    """All images under a folder, with what the folders' names say of them. Files beside them are only listed.

    Args:
        level: which folder is the class: "parent", the one that an image lies in; "top", the first below the root;
            "path", all of them joined by /; or "none".
    """
    top, closed = os.path.abspath(root), list[str]()
    every = list(_walk(top, closed))
    files = [path for path in every if _is_utf8(path)]  # the database holds no other texts
    paths = sorted(path for path in files if ending(path) in SUFFIXES)
    labels, splits = by_folders(paths, top, level)
    found = FolderLayout(paths, labels, splits, closed=closed)
    found.others = [path for path in files if ending(path) not in SUFFIXES]
    if len(files) < len(every):
        found.left_out[NO_UTF8] = len(every) - len(files)
    return found


def by_folders(paths: Sequence[str], top: str, level: str) -> tuple[list[str | None], list[str | None]]:
    """(n,) classes and (n,) splits that the names of the folders below `top` say."""
    parts = [os.path.relpath(os.path.dirname(path), top).split(os.sep) for path in paths]
    parts = [[part for part in own if part != os.curdir] for own in parts]
    whole = split_of(os.path.basename(top))
    splits = [next((split for part in own if (split := split_of(part))), whole) for own in parts]
    named = [[part for part in own if split_of(part) is None] for own in parts]
    holders = _only_holders(named)
    named = [[part for place, part in enumerate(own) if (place, part) not in holders] for own in named]
    return [_class_of(own, level) for own in named], splits


def read_metadata(found: FolderLayout, files: Sequence[str]) -> set[str]:
    """Take label, class and split of the images that metadata.csv names by file_name; the paths of those tables.

    Raises:
        DataError: one cannot be read.
    """
    used = {path for path in files if os.path.basename(path) == METADATA}
    index = {path: place for place, path in enumerate(found.paths)}
    for path in list(used):
        try:
            with open(path, newline="", encoding="utf-8-sig") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path!r} must be a table in UTF-8 that can be read ({error})") from None
        if rows and "file_name" not in rows[0]:
            used.discard(path)
            continue
        for row in rows:
            image = os.path.normpath(os.path.join(os.path.dirname(path), row["file_name"] or ""))
            if image not in index:
                found.missing.append(image)
                continue
            label = next((row[name] for name in ("label", "class", "category") if row.get(name)), None)
            found.labels[index[image]] = label or found.labels[index[image]]
            if row.get("split"):
                found.splits[index[image]] = split_of(row["split"]) or row["split"]
    return used


def ending(path: str) -> str:
    """Of a file's name, in small letters, with its dot."""
    return os.path.splitext(path)[1].lower()


def _only_holders(named: Sequence[Sequence[str]]) -> set[tuple[int, str]]:
    """(level, name) of folders that hold all images of their level, but for those without a class."""
    found: set[tuple[int, str]] = set()
    for place in range(max(map(len, named), default=0)):
        here = {own[place] for own in named if len(own) > place and not _says_nothing(own[place])}
        if len(here) == 1 and (name := next(iter(here))).lower() in HOLDERS:
            found.add((place, name))
    return found


def _class_of(parts: Sequence[str], level: str) -> str | None:
    if not parts or level == "none" or any(_says_nothing(part) for part in parts):
        return None
    return {"parent": parts[-1], "top": parts[0], "path": "/".join(parts)}[level]


def _says_nothing(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()) in UNLABELLED


def _walk(top: str, closed: list[str]) -> Iterator[str]:
    seen = set()
    for folder, folders, files in os.walk(
        top, onerror=lambda error: closed.append(str(error.filename)), followlinks=True
    ):
        real = os.path.realpath(folder)
        if real in seen:  # links that lead back
            folders[:] = []
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(folder, name) for name in sorted(files) if not name.startswith("."))


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
