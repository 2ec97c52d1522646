"""Whether a run still describes its dataset: digests of what it read, kept in its record, against what is there now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import fiftyone as fo

from ..fields.curated_labels import corrections, curated_field
from ..fields.rows import object_fields, root_of, rows_of
from ..storage import embedding_cache as kept
from ..storage import vectors as vector_store
from .record import Run, list_runs

SETTLED = timedelta(seconds=1)  # the database's clock has milliseconds: within one, a later change would go unseen


class Freshness:
    """Tells which runs no longer describe their dataset; reads ids and labels once for all of them.

    What was read stays in this process's memory until a sample is added, removed or modified, so that the panels,
    which ask at every event, pay for it once.

    Args:
        listed: all runs of the dataset, where the caller has them.
    """

    def __init__(self, dataset: fo.Dataset, listed: Sequence[Run] | None = None) -> None:
        self._dataset = dataset
        self._runs = {run.key: run for run in (list_runs(dataset) if listed is None else listed)}
        self._stamp = _stamp(dataset)

    def stale_reason(self, key: str) -> str | None:
        """Why the run does not hold any more, in a sentence; None while it does."""
        run = self._runs[key]
        if run.status != "done":
            return None
        declared = run.declaration
        if declared is not None and declared.outdates(run.method_version, run.params):
            return f"{declared.label} computes something else since version {declared.version}"
        reasons = (self._source_reason(run, role, source) for role, source in run.reads.items())
        return self._rows_reason(run) or next((reason for reason in reasons if reason), None)

    def _rows_reason(self, run: Run) -> str | None:
        """What has happened to the samples or objects themselves."""
        path = "id"
        if run.patches_field is not None:
            if run.patches_field not in object_fields(self._dataset):
                return f"its objects in {run.patches_field!r} are gone"
            path = f"{root_of(self._dataset, run.patches_field)}.id"
        if run.target == "dataset" and self._digest(path) != run.fingerprint.get("samples"):
            change = self._dataset.count(path) - (run.n + run.skipped)
            if change == 0:
                return f"{run.word}s were replaced"
            were = f"{abs(change):,} {run.word}s were" if abs(change) > 1 else f"1 {run.word} was"
            return f"{were} {'added' if change > 0 else 'removed'}"
        if "boxes" in run.fingerprint and self._boxes(run) != run.fingerprint["boxes"]:
            return f"boxes in {run.patches_field!r} have changed"
        if "stored" in run.facts and not vector_store.is_there(run.facts["stored"]):
            return "its file of vectors is gone"
        changed = kept.changed_files(self._dataset, run) if "reuse" in run.params else 0
        return f"{changed:,} file{' has' if changed == 1 else 's have'} changed on disk" if changed else None

    def _source_reason(self, run: Run, role: str, source: Mapping[str, Any]) -> str | None:
        maker = source.get("run")
        if maker is not None:
            said = f"its {source.get('role') or role} came from {maker!r}"
            parent = self._runs.get(maker)
            if parent is None or parent.status != "done":
                return f"{said}, which was forgotten"
            if parent.finished != source.get("made"):
                return f"{said}, which has been computed again"
            upstream = self.stale_reason(maker)
            return f"{said}: {upstream}" if upstream else None
        if role == "labels":
            if self._dataset.get_field(source["field"]) is None:
                return f"its labels in {source['field']!r} are gone"
            if self._digest(source["field"]) != run.fingerprint.get("labels"):
                return f"labels in {source['field']!r} have changed"
            return self._corrected_reason(run, source["field"])
        if "slice" in source:
            return self._slice_reason(run, role, source)
        if role in run.fingerprint:
            if self._dataset.get_field(source["field"]) is None:
                return f"its {role} in {source['field']!r} are gone"
            if self._digest(source["field"]) != run.fingerprint[role]:
                return f"values in {source['field']!r} have changed"
        return None

    def _slice_reason(self, run: Run, role: str, source: Mapping[str, Any]) -> str | None:
        name = source["slice"]
        if name not in self._dataset.list_saved_views():
            return f"its slice {name!r} is gone"
        defined = digest(self._dataset._get_saved_view_doc(name).view_stages)
        members = self._remembered(
            f"slice {name} of {defined}, {run.patches_field}",
            lambda: digest_of_source(self._dataset, source, run.patches_field),
        )
        return None if members == run.fingerprint.get(role) else f"the slice {name!r} holds other {run.word}s now"

    def _corrected_reason(self, run: Run, path: str) -> str | None:
        found, count_of = self._remembered(
            f"corrections of {path}", lambda: _digest_of_corrections(self._dataset, path)
        )
        if found == run.fingerprint.get("corrections", digest([])):
            return None
        count = f"{count_of:,} label{'' if count_of == 1 else 's'}" if count_of else "labels"
        return f"{count} in {path.removesuffix('.label')!r} corrected since; the result is in {curated_field(path)!r}"

    def _digest(self, path: str) -> str:
        return str(self._remembered(path, lambda: digest(self._dataset.values(path))))

    def _boxes(self, run: Run) -> str:
        return str(self._remembered(f"boxes of {run.key} {run.finished}", lambda: digest_of_boxes(self._dataset, run)))

    def _remembered(self, what: str, read: Callable[[], Any]) -> Any:
        """What `read` returned when the samples were as they are now."""
        place = (str(self._dataset._doc.id), what)
        known = _READ.get(place)
        if known is not None and known[0] == self._stamp:
            return known[1]
        value = read()
        newest = self._stamp[1]
        if newest is None or datetime.now(timezone.utc).replace(tzinfo=None) - newest > SETTLED:
            _READ[place] = (self._stamp, value)
        return value


_READ: dict[tuple[str, str], tuple[tuple[Any, ...], Any]] = {}


def _stamp(dataset: fo.Dataset) -> tuple[Any, ...]:
    """Differs whenever a sample was added, removed or modified, or a field renamed; two look-ups in indexes."""
    samples = dataset._sample_collection
    newest = samples.find_one({}, {"last_modified_at": True}, sort=[("last_modified_at", -1)]) or {}
    return samples.estimated_document_count(), newest.get("last_modified_at"), dataset.last_modified_at


def _digest_of_corrections(dataset: fo.Dataset, path: str) -> tuple[str, int]:
    found = corrections(dataset, path)
    return digest(found), len(found)


def stale_reason(dataset: fo.Dataset, run: Run) -> str | None:
    """Why the run does not hold any more; None while it does. For many runs use `Freshness`."""
    return Freshness(dataset).stale_reason(run.key)


def digest(values: Iterable[Any]) -> str:
    """Digest of a sequence of plain values."""
    state = hashlib.sha256()
    for value in values:
        state.update(repr(value).encode() + b"\n")
    return state.hexdigest()[:32]


def digest_of_source(dataset: fo.Dataset, source: Mapping[str, Any], patches_field: str | None) -> str:
    """Digest of a field's values; of a saved slice, of who is in it.

    Args:
        source: as `Run.reads` holds it.
        patches_field: the field whose objects the run is about; None where it is about samples.
    """
    if "slice" in source:
        return digest(sorted(rows_of(dataset.load_saved_view(source["slice"]), patches_field).ids))
    return digest(dataset.values(source["field"]))


def digest_of_boxes(dataset: fo.Dataset, run: Run) -> str:
    """Digest of the places of the objects that a run on objects has results for."""
    root = root_of(dataset, run.patches_field)
    shape = f"{root}.points" if root.endswith(".polylines") else f"{root}.bounding_box"
    found = [dataset.values(path) for path in (shape, next(iter(run.writes.values())))]
    return digest(
        place
        for places, results in zip(*found, strict=True)
        for place, result in zip(places or (), results or (), strict=True)
        if result is not None
    )
