"""Whether a run still describes its dataset: digests of what it read, kept in its record, against what is there now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import fiftyone as fo
import numpy as np

from ...core.images.marks import mark_of
from ..fields.curated_labels import corrections
from ..fields.rows import Rows, every, object_fields, regions, root_of
from ..fields.working_set import EXCLUDED, excluded_ids
from ..storage import vectors as vector_store
from ..storage.embedding_cache import marks_of
from .fingerprints import STORED, digest, digest_of_boxes, digest_of_source, is_labels
from .record import Run, list_runs

SETTLED = timedelta(seconds=1)  # the database's clock has milliseconds: within one, a later change would go unseen


class Freshness:
    """Tells which runs no longer describe their dataset; reads ids and labels once for all of them.

    What was read stays in this process's memory until a sample is added, removed or modified, so that the panels,
    which ask at every event, pay for it once.

    Args:
        listed: all runs of the dataset, where the caller has them.
        decisions: notice what people have excluded and corrected.
    """

    def __init__(self, dataset: fo.Dataset, listed: Sequence[Run] | None = None, decisions: bool = True) -> None:
        self._dataset = dataset
        self._decisions = decisions
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
        own = self._rows_reason(run) or self._empty_reason(run) or self._excluded_reason(run)
        return own or next((reason for reason in reasons if reason), None)

    def is_by_decisions(self, key: str) -> bool:
        """Whether the run would hold but for what people have excluded and corrected since."""
        if self.stale_reason(key) is None:
            return False
        return Freshness(self._dataset, list(self._runs.values()), decisions=False).stale_reason(key) is None

    def _rows_reason(self, run: Run) -> str | None:
        """What has happened to the samples or objects themselves."""
        path = "id"
        if run.patches_field is not None:
            if run.patches_field not in object_fields(self._dataset):
                return f"its objects in {run.patches_field!r} are gone"
            path = f"{root_of(self._dataset, run.patches_field)}.id"
        gone = gone_field(self._dataset, run)
        if gone is not None:
            return f"its field {gone!r} is gone"
        if run.target == "dataset" and self._digest(path) != run.fingerprint.get("samples"):
            change = every(self._dataset).count(path) - (run.n + run.skipped + run.working.get("excluded", 0))
            if change == 0:
                return f"{run.word}s were replaced"
            were = f"{abs(change):,} {run.word}s were" if abs(change) > 1 else f"1 {run.word} was"
            return f"{were} {'added' if change > 0 else 'removed'}"
        if "boxes" in run.fingerprint and self._boxes(run) != run.fingerprint["boxes"]:
            return f"boxes in {run.patches_field!r} have changed"
        if "stored" in run.facts and not vector_store.is_there(run.facts["stored"]):
            return "its file of vectors is gone"
        changed = changed_files(self._dataset, run) if "reuse" in run.params else 0
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
        if "slice" in source:
            return self._slice_reason(run, role, source)
        if role in run.fingerprint:
            what = "labels" if is_labels(role, source) else source.get("role") or role
            if self._dataset.get_field(source["field"]) is None:
                return f"its {what} in {source['field']!r} are gone"
            if self._digest_of(source, run.patches_field, run.fingerprint[role]) != run.fingerprint[role]:
                what = "labels" if is_labels(role, source) else "values"
                return f"{what} in {source['field']!r} have changed"
        return self._corrected_reason(run, source["field"]) if is_labels(role, source) else None

    def _digest_of(self, source: Mapping[str, Any], field: str | None, like: str) -> str:
        told = {name: source[name] for name in ("field", "role", "tag") if name in source}
        place = source["field"] if set(told) == {"field"} else repr(told)
        place += STORED if like.startswith(STORED) else ""
        return str(self._remembered(place, lambda: digest_of_source(self._dataset, source, field, like)))

    def _excluded_reason(self, run: Run) -> str | None:
        """Samples or objects that were excluded since, or brought back."""
        if not self._decisions or not run.working or run.working["include_excluded"]:
            return None
        if run.target != "dataset":
            return self._excluded_of_view(run)
        ids = self._remembered(
            f"excluded of {run.patches_field}", lambda: excluded_ids(self._dataset, run.patches_field)
        )
        if digest(ids) == run.fingerprint.get("excluded"):
            return None
        change = len(ids) - run.working["excluded"]
        if not change:
            return f"other {run.word}s are excluded now"
        were = f"{abs(change):,} {run.word}s were" if abs(change) > 1 else f"1 {run.word} was"
        return f"{were} {'excluded' if change > 0 else 'brought back'} since"

    def _excluded_of_view(self, run: Run) -> str | None:
        """Of what a run of a view has results for, what was excluded since."""
        if run.patches_field is not None or not run.writes:
            return None
        column = next(iter(run.writes.values()))
        found = {"tags": EXCLUDED, column: {"$ne": None}}
        count = self._remembered(
            f"excluded with {column}", lambda: self._dataset._sample_collection.count_documents(found)
        )
        were = f"{count:,} {run.word}s were" if count > 1 else f"1 {run.word} was"
        return f"{were} excluded since" if count else None

    def _empty_reason(self, run: Run) -> str | None:
        """Whether somebody has cleared the run's first field."""
        first = next(iter(run.writes.values()), None)
        if first is None or not run.n:
            return None
        count = self._remembered(f"values of {first} {run.finished}", lambda: every(self._dataset).count(first))
        return None if count else f"its field {first!r} is empty"

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
        if not self._decisions or run.working.get("given_labels"):
            return None
        found, count = self._remembered(f"corrections of {path}", lambda: _digest_of_corrections(self._dataset, path))
        if found == run.fingerprint.get("corrections", digest([])):
            return None
        change, name = count - run.working.get("corrected", 0), path.removesuffix(".label")
        if not change:
            return f"labels in {name!r} were corrected otherwise since"
        labels = f"{abs(change):,} label{'' if abs(change) == 1 else 's'} in {name!r}"
        return f"{labels} corrected since" if change > 0 else f"the correction of {labels} was taken back"

    def _digest(self, path: str) -> str:
        return str(self._remembered(path, lambda: digest(every(self._dataset).values(path))))

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


def gone_field(dataset: fo.Dataset, run: Run) -> str | None:
    """A field that a run wrote and that is not there any more: nothing can be read from such a run."""
    return next((path for path in run.writes.values() if dataset.get_field(path) is None), None)


def stale_reason(dataset: fo.Dataset, run: Run) -> str | None:
    """Why the run does not hold any more; None while it does. For many runs use `Freshness`."""
    return Freshness(dataset).stale_reason(run.key)


MOST_CHECKED = 50_000


SHORT = 0.05  # seconds; a look at the files that takes less is taken each time


WORTH = 100  # for so many times as long as a longer look takes, what it found is believed


def changed_files(dataset: fo.Dataset, run: Run) -> int:
    """How many of the pictures that a run embedded are other files now, or gone; 0 where nothing is known.

    Of more than 50,000 pictures so many are looked at, evenly spread. What was found holds for a while that grows with
    the time it took, for the panels ask at every event.
    """
    place = (str(dataset._doc.id), run.key, run.finished)
    at, took, count = _CHECKED.get(place, (0.0, 0.0, 0))
    began = time.monotonic()
    if took > SHORT and began - at < WORTH * took:
        return count
    known = marks_of(dataset, run.key)
    count = 0
    if known:
        rows = Rows(every(dataset).view(), run.patches_field)
        files: Sequence[str] = rows.values("filepath")
        if run.patches_field is not None:
            files, _, _ = regions(files, rows.boxes(), float(run.params.get("margin") or 0.0))
        pairs = [(path, known[one]) for one, path in zip(rows.ids, files, strict=True) if one in known]
        chosen = np.linspace(0, len(pairs) - 1, min(len(pairs), MOST_CHECKED)).astype(np.int64)
        count = sum(mark_of(pairs[at][0]) != pairs[at][1] for at in chosen.tolist())
    now = time.monotonic()
    _CHECKED[place] = (now, now - began, count)
    return count


_CHECKED: dict[tuple[Any, ...], tuple[float, float, int]] = {}
