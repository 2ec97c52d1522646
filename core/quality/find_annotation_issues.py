"""Which labels cannot be right, by themselves: no model and no vectors are needed, and 100,000 boxes take seconds.

Some faults are certain, such as a box of no area. Others are told by the rest of the set, such as a size that is far
from what is usual in the class, in robust standard deviations; those are milder. `annotations/faults.py` lists all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns, OfLabels
from ..base.inputs import GivenAnnotations, GivenLabels, Inputs
from ..base.method import Finding, Method
from ..base.params import Params, param
from ..copies.search import equal_files
from ..images.orientation import orientation_of, turned_size
from .annotations.boxes import box_faults
from .annotations.classes import class_faults
from .annotations.faults import KINDS, Faults
from .annotations.images import image_faults
from .annotations.masks import mask_faults
from .annotations.shapes import keypoint_faults, outline_faults


@dataclass(frozen=True, kw_only=True)
class AnnotationIssuesParams(Params):
    """Find labels that cannot be right by themselves: boxes, outlines, keypoints, masks, and names of classes.

    Neither a model nor embeddings are needed. It says what is wrong with each label, in fields of the label where an
    image has several, and sums up for each image.
    """

    label_field: tuple[str, ...] = param(
        (), "Label fields to check; empty: all that neither Curator nor a model wrote", reads="annotations"
    )
    checks: tuple[str, ...] = param(tuple(KINDS), "What to look for", among=tuple(KINDS), suggest=tuple(KINDS))

    def __post_init__(self) -> None:
        """One field may be given by its name alone."""
        if isinstance(self.label_field, str):
            object.__setattr__(self, "label_field", (self.label_field,))
        super().__post_init__()


def find_annotation_issues(inputs: Inputs, params: AnnotationIssuesParams, progress: Progress) -> Columns:
    """Columns as declared in `METHOD`; those of labels once for each field that holds lists: `issue:<field>`."""
    fields: Sequence[GivenAnnotations] = inputs.named["label_field"]
    files = equal_files(inputs.paths) if "same_picture" in params.checks else []
    found = [_of_field(inputs, given, files, params.checks, progress) for given in fields]
    kinds: list[list[str]] = [[] for _ in range(inputs.n)]
    said: list[list[str]] = [[] for _ in range(inputs.n)]
    count = np.zeros(inputs.n, dtype=np.int64)
    columns: dict[str, Any] = {}
    for given, one in zip(fields, found, strict=True):
        for number, names in enumerate(one.of_labels):
            if names:
                row = int(given.rows[number])
                count[row] += 1
                kinds[row] += names
                said[row].append(_sentence(given, number, names, one.details))
        for row, names in one.of_images.items():
            kinds[row] += names
            said[row] += [f"{given.field}: {_said(name)}" for name in names]
    worst = [[*dict.fromkeys(sorted(own, key=lambda name: -KINDS[name].severity))] for own in kinds]
    columns["is_issue"] = np.array([bool(own) for own in worst], dtype=bool)
    columns["severity"] = np.array([KINDS[own[0]].severity if own else 0.0 for own in worst])
    columns["kinds"] = worst
    columns["labels"] = count
    columns["said"] = [" ".join(own) if own else None for own in said]
    for given, one in zip(fields, found, strict=True):
        if given.is_list:
            columns |= _of_labels(given, one)
    return Columns(columns, _facts(fields, found, columns, params.checks))


@dataclass
class Found:
    """What was found in one field.

    Attributes:
        of_labels: the kinds of each label, the worst first.
        of_images: image → kinds.
        details: (label, kind) → a few words.
        meant: misspelled class → the one that is probably meant.
    """

    of_labels: list[list[str]]
    of_images: dict[int, list[str]]
    details: dict[tuple[int, str], str]
    meant: dict[str, str]


def _of_field(
    inputs: Inputs,
    given: GivenAnnotations,
    files: Sequence[tuple[int, Hashable]],
    checks: Sequence[str],
    progress: Progress,
) -> Found:
    """All checks that the labels of a field allow; those that are excluded are looked at by none."""
    total = 4
    progress(0, total, f"checking {given.field}")
    used = np.flatnonzero(given.used)
    names = [given.names[number] for number in used.tolist()]
    codes = GivenLabels.of(names)
    rows, sizes = given.rows[used], given.sizes
    faults, meant = class_faults(names) if given.has_classes else ([], {})
    progress(1, total, f"checking {given.field}")
    if given.boxes is not None:
        faults += box_faults(given.boxes[used], rows, codes.codes, codes.names, sizes[rows])
    if given.outlines is not None and given.closed is not None:
        faults += outline_faults([given.outlines[number] for number in used.tolist()], given.closed[used])
    if given.keypoints is not None:
        faults += keypoint_faults([given.keypoints[number] for number in used.tolist()], codes.codes, given.parts)
    progress(2, total, f"checking {given.field}")
    faults = [Faults(one.kind, used[one.at], one.details) for one in faults]
    if given.masks is not None:
        left = set(used.tolist())
        some = ((number, mask) for number, mask in given.masks() if number in left)
        faults += mask_faults(some, given.boxes, _with_sizes(inputs, given)[given.rows])
    progress(3, total, f"checking {given.field}")
    of_labels: list[list[str]] = [[] for _ in given.names]
    details: dict[tuple[int, str], str] = {}
    for one in (fault for fault in faults if fault.kind in checks):
        for place, number in enumerate(one.at.tolist()):
            if one.kind not in of_labels[number]:
                of_labels[number].append(one.kind)
                details[number, one.kind] = one.details[place] if len(one.details) else ""
    for own in of_labels:
        own.sort(key=lambda name: -KINDS[name].severity)
    of_images: dict[int, list[str]] = {}
    for one in image_faults(given, files):
        for row in one.at.tolist() if one.kind in checks else ():
            of_images.setdefault(row, []).append(one.kind)
    progress(total, total, f"checking {given.field}")
    return Found(of_labels, of_images, details, meant if "class_name" in checks else {})


def _with_sizes(inputs: Inputs, given: GivenAnnotations) -> Array:
    """(n, 2) the sizes of the images; of labelled ones where it is not known, as the head of the file says it."""
    sizes: Array = given.sizes.copy()
    for row in np.unique(given.rows[~np.isfinite(sizes[given.rows]).all(axis=1)]).tolist():
        sizes[row] = _size_of(inputs.paths[row])
    return sizes


def _size_of(path: str) -> tuple[float, float]:
    """Width and height in pixels, as the picture is shown; NaN of one that cannot be read."""
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            if picture.format == "TIFF":  # Pillow says how large it is once turned
                return width, height
            return turned_size(width, height, orientation_of(picture))
    except (OSError, ValueError, SyntaxError):
        return np.nan, np.nan


def _of_labels(given: GivenAnnotations, found: Found) -> dict[str, OfLabels]:
    """The columns of labels, of those that have a fault."""
    severity = [KINDS[own[0]].severity if own else None for own in found.of_labels]
    said = [
        " ".join(_said(name, found.details[number, name]) for name in own) if own else None
        for number, own in enumerate(found.of_labels)
    ]
    values: dict[str, list[Any]] = {
        "issue": [own[0] if own else None for own in found.of_labels],
        "issue_severity": severity,
        "issue_said": said,
    }
    return {f"{name}:{given.field}": OfLabels(given.rows, given.ids, own) for name, own in values.items()}


def _sentence(given: GivenAnnotations, number: int, names: Sequence[str], details: dict[tuple[int, str], str]) -> str:
    """The worst of a label, with its class and its field."""
    what = f"{given.field}, {given.names[number]}" if given.names[number] else given.field
    return f"{what}: {_said(names[0], details[number, names[0]])}"


def _said(kind: str, detail: str = "") -> str:
    return f"{KINDS[kind].said}{f' ({detail})' if detail else ''}."


def _facts(
    fields: Sequence[GivenAnnotations], found: Sequence[Found], columns: dict[str, Any], checks: Sequence[str]
) -> Facts:
    labels = Counter(kind for one in found for own in one.of_labels for kind in own)
    images = Counter(kind for one in found for own in one.of_images.values() for kind in own)
    by_kind = {kind: labels[kind] + images[kind] for kind in KINDS if labels[kind] + images[kind]}
    total, wrong = sum(len(given.names) for given in fields), int(columns["labels"].sum())
    marked, n = int(columns["is_issue"].sum()), len(columns["is_issue"])
    listed = [f"{count:,} {kind.replace('_', ' ')}" for kind, count in list(by_kind.items())[:4]]
    more = f" and {len(by_kind) - 4} more kinds" if len(by_kind) > 4 else ""
    said = f": {', '.join(listed)}{more}" if listed else ""
    return {
        "samples": n,
        "fields": [given.field for given in fields],
        "labels": total,
        "labels_with_issues": wrong,
        "issues_by_kind": by_kind,
        "misspelled": {given.field: one.meant for given, one in zip(fields, found, strict=True) if one.meant},
        "headline": f"{marked:,} of {n:,} images have labels with faults, {wrong:,} of {total:,} labels{said}",
    }


METHOD = Method(
    name="find_annotation_issues",
    version=1,
    label="Find annotation issues",
    stage="clean",
    key="annotations",
    params=AnnotationIssuesParams,
    run=find_annotation_issues,
    reads=("annotations", "paths"),
    writes=(
        Column("is_issue", bool, "A label of this image has a fault, or the image lacks labels", role="mark"),
        Column("severity", float, "How bad the worst fault is, in [0, 1]", best="low"),
        Column("kinds", list[str], "What is wrong, the worst first", group=True, role="checks"),
        Column("said", str, "What is wrong, in a sentence for each label", title="What is wrong"),
        Column("labels", int, "Labels with a fault"),
        Column("issue", str, "The worst fault of this label", optional=True, on_labels=True),
        Column("issue_severity", float, "How bad it is, in [0, 1]", optional=True, on_labels=True),
        Column("issue_said", str, "What is wrong with this label", optional=True, on_labels=True),
    ),
    finding=Finding(
        "Faulty labels",
        "serious",
        "Boxes, outlines, points, masks or names of classes that cannot be right, or that are unlike all others.",
        one="Faulty label",
    ),
)
