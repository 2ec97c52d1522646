"""Fields to arrays: what a method's parameters name, as its `Inputs`.

The rows are those that have all vectors the method needs; which were left out and why is said. Labels may have gaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.base.arrays import Array, Progress
from ...core.base.inputs import Inputs
from ...core.base.params import ParamError, Params, domains, roles
from ..fields.rows import Rows, alters, regions, rows_of
from ..fields.rows import every as all_of
from ..fields.working_set import Choice, in_use, sentence
from ..runs.fingerprints import fingerprints
from ..storage import arrays as store
from ..storage.shared_work import SharedWork
from . import target as subject
from .class_matching import matched
from .pictures import files_of
from .roles import READERS, RoleInput, read_role

WORKING = Choice()
MAIN = {"embeddings": "embeddings", "labels": "labels", "splits": "labels"}  # role → its name in records


@dataclass(frozen=True)
class Reading:
    """What was read for a run.

    Attributes:
        inputs: the arrays, row by row.
        rows: where these rows are kept.
        params: the parameters, with what the target itself says: the field whose objects it shows.
        total: rows that the whole dataset has.
        skipped: rows left out.
        why_skipped: reason → number of rows.
        reads: role → {"field", "run", "made"}, as the run record keeps it.
        fingerprint: role → digest, as the run record keeps it.
        working: what the working set was, as the run record keeps it.
        alters: the target is a view that shows other values than the dataset has.
        matched: sentences about classes of predictions that are written another way than the labels'.
    """

    inputs: Inputs
    rows: Rows
    params: Params
    total: int
    skipped: int = 0
    why_skipped: Mapping[str, int] = field(default_factory=dict)
    reads: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    working: Mapping[str, Any] = field(default_factory=dict)
    alters: bool = False
    matched: Sequence[str] = ()

    @property
    def target(self) -> str:
        """ "dataset" where all of it was read as it stands, else "view", as the run record keeps it."""
        read = self.inputs.n + self.skipped + self.working.get("excluded", 0)
        return "dataset" if read == self.total and not self.alters else "view"

    @property
    def working_set(self) -> str:
        """What was read in one line; "" where it was everything, as given."""
        used = self.inputs.n + self.skipped
        return sentence(self.rows.word, used, used + self.working["excluded"], self.working["corrected"])


def read(
    samples: fo.DatasetView, params: Params, label: str, with_paths: bool = False, choice: Choice = WORKING
) -> Reading:
    """Read what the parameters name, of the working set; and the image files' paths if wanted.

    Args:
        label: who reads, for the error's sentence.
        choice: excluded rows too, or the labels as they were given.

    Raises:
        ParamError: no rows, a field or run that is not there, or no row with usable vectors.
    """
    dataset = samples._root_dataset
    params = subject.settled(samples, params)
    every = rows_of(samples, subject.of(dataset, params))
    target = _target(every, label, choice)
    reading = Counter[str]()
    found = _read_all(target, params, EMBEDDINGS, choice)
    keep = _usable(target, found, reading)
    files = _files(target, params, found, keep, reading) if with_paths else []
    rows = target if keep.all() else target.only(keep)
    others, said = matched(_read_all(rows, params, OTHERS, choice), _roles_of(params))
    main = _value(found, "embeddings")
    vectors = None if main is None else main[keep]
    inputs = Inputs(
        n=len(rows),
        ids=rows.ids,
        paths=[path for path, good in zip(files, keep, strict=True) if good] if with_paths else (),
        embeddings=vectors,
        labels=_value(others, "labels"),
        named=_named(found, keep) | _named(others),
        sources=_makers(found) | _makers(others),
        graph_of=_graph_source(dataset, vectors) if vectors is not None else None,
        shared=SharedWork(store.folder(dataset)),
        folder=str(store.folder(dataset)),
    )
    sources = {role: one.source for role, one in (*_by_role(found), *_by_role(others)) if one.source}
    return Reading(
        inputs,
        rows,
        params,
        total=all_of(dataset).count(every.path("id")),
        skipped=len(target) - len(rows),
        why_skipped=dict(reading),
        reads=sources,
        fingerprint=fingerprints(dataset, every.field, sources, choice, boxes=with_paths),
        working={
            "include_excluded": choice.include_excluded,
            "given_labels": choice.given_labels,
            "excluded": len(every) - len(target),
            "corrected": sum(one.corrected for _, one in _by_role(others)),
        },
        alters=alters(samples),
        matched=said,
    )


def _target(every: Rows, label: str, choice: Choice) -> Rows:
    """The rows of the target that are in use."""
    word, about = every.word, every.field
    if not len(every):
        widen = "import images or widen the view" if about is None else f"none of its images has any in {about!r}"
        raise ParamError(f"{label} needs at least 1 {word}, and the target has 0; {widen}")
    if choice.include_excluded:
        return every
    used = in_use(every)
    if not used.any():
        raise ParamError(
            f"{label} needs at least 1 {word} in use, and all {len(every):,} of the target are excluded; "
            "widen the target, or pass include_excluded=True"
        )
    return every if used.all() else every.only(used)


Found = Mapping[str, "list[RoleInput]"]
EMBEDDINGS = ("embeddings",)  # rows without a vector are left out before the rest is read
OTHERS = tuple(role for role in READERS if role not in EMBEDDINGS)


def _read_all(rows: Rows, params: Params, wanted: Sequence[str], choice: Choice) -> dict[str, list[RoleInput]]:
    """Parameter → what it names, for parameters of these roles. The main embeddings and labels go by their role."""
    known, found = domains(type(params)), {}
    for name, role in roles(type(params)).items():
        if role in wanted and (read := read_role(rows, params, name, choice)):
            main = role in MAIN and not known[name].many
            found[MAIN[role] if main else f"{name}." if known[name].many else name] = [
                replace(one, source={"role": role, **one.source}) if one.source and not main else one for one in read
            ]
    return found


def _roles_of(params: Params) -> dict[str, str]:
    """Name in what was read → role."""
    known = domains(type(params))
    return {
        MAIN[role] if role in MAIN and not known[name].many else f"{name}." if known[name].many else name: role
        for name, role in roles(type(params)).items()
    }


def _usable(rows: Rows, found: Found, why: Counter[str]) -> Array:
    """(n,) bool, the rows that have all embeddings."""
    keep = np.ones(len(rows), dtype=bool)
    for name, inputs in found.items():
        for one in inputs:
            keep &= True if one.has is None else one.has
            said = f" in {one.source['run'] or one.source['field']!r}" if name.endswith(".") else ""
            why.update({f"{reason}{said}": count for reason, count in one.why.items()})
    if not keep.any():
        raise ParamError("No sample of the target has a vector in each of the embeddings; compute those that lack")
    return keep


def _files(rows: Rows, params: Params, found: Found, keep: Array, why: Counter[str]) -> list[str]:
    """The image files, or regions of them; objects that cannot be cut out leave `keep`."""
    files = files_of(rows)
    if rows.field is None:
        return files
    maker = found["embeddings"][0].maker if "embeddings" in found else None
    margin = getattr(params, "margin", 0.0) or (maker or {}).get("margin") or 0.0
    files, good, reasons = regions(files, rows.boxes(), margin)
    keep &= good
    why.update(reasons)
    if not keep.any():
        raise ParamError(
            f"No object in {rows.field!r} has a box inside its image; mend its boxes, or name another field"
        )
    return files


def _value(found: Found, name: str) -> Any:
    return found[name][0].value if name in found else None


def _named(found: Found, keep: Array | None = None) -> dict[str, Any]:
    """Parameter → value, or a tuple of several, as `Inputs.named` holds them."""
    named: dict[str, Any] = {}
    for name, inputs in found.items():
        values = tuple(one.value if keep is None else one.value[keep] for one in inputs)
        if name not in MAIN.values():
            named[name.removesuffix(".")] = values if name.endswith(".") else values[0]
    return named


def _by_role(found: Found) -> list[tuple[str, RoleInput]]:
    """What was read under the names that a run's record has for it: "embeddings", "score", "predictions.0"."""
    return [
        (f"{name}{number}" if name.endswith(".") else name, one)
        for name, inputs in found.items()
        for number, one in enumerate(inputs)
    ]


def _makers(found: Found) -> dict[str, Mapping[str, Any]]:
    """What is known about the runs that made the inputs, by key; of the main embeddings by their role."""
    every = [(name, one) for name, one in _by_role(found) if one.maker is not None]
    return {name if name == "embeddings" else str((one.maker or {})["key"]): one.maker or {} for name, one in every}


def _graph_source(dataset: fo.Dataset, x: Array) -> Callable[[int, str, Progress], Any]:
    return lambda k, metric, progress: store.shared_graph(dataset, x, k, metric, progress)
