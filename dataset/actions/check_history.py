"""What each check found, kept from check to check, so that a clean-up can be told from its beginning.

An entry counts, for each kind, what the run points at and what nobody has decided about; how much is in use; how many
labels are expected to be wrong; and how well a simple classifier does on a part of the images that is always the same
(`core/probes/fixed_holdout.py`): with the labels as they are by now, and, learned from the same images, with those
that were given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos
import numpy as np

from ...core.base.params import ParamError
from ...core.probes.fixed_holdout import HeldOut, held_out_accuracy, is_held_out
from ..decisions.questions import FINDINGS, answered, question_of
from ..fields import marks
from ..fields.rows import Rows
from ..fields.working_set import EXCLUDED, Choice, labels
from ..inputs.sources import find_vectors, label_path, read_vectors
from ..runs.record import Run

LONGEST = 100  # checks that are kept: the first one and the newest


def extended(earlier: Run | None, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The history with one more entry.

    Args:
        earlier: the check before, which may be of a version that kept no history.
    """
    before = [] if earlier is None else [dict(one) for one in earlier.facts.get("history", ())]
    if earlier is not None and not before and earlier.status == "done":
        found = {issue["method"]: issue["count"] for issue in earlier.facts.get("issues", ())}
        before = [{"when": earlier.finished, "found": found, "left": found, "n": earlier.n}]
    kept = [*before[:1], *before[1:][-(LONGEST - 2) :]]
    return [*kept, dict(entry)]


def entry(
    samples: fo.DatasetView, rows: Rows, total: int, done: Sequence[Run], issues: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What there is to say of a check that has just ended; plain JSON values.

    Args:
        rows: of the target, in use.
        total: rows of the target.
        done: the runs that hold.
        issues: of the summary: "method", "run", "count".
    """
    counts = {issue["method"]: issue["count"] for issue in issues}
    by_method = {run.method: run for run in done}
    judged = by_method.get("find_label_issues")
    found: dict[str, Any] = {
        "when": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "n": len(rows),
        "excluded": total - len(rows),
        "found": {method: counts.get(method, 0) for method in by_method},
        "left": {method: _left(samples, by_method[method], done, n) for method, n in counts.items()},
    }
    if judged is not None:
        found["expected_wrong"] = judged.facts.get("expected_wrong")
        found |= measured(rows, judged.params.get("embeddings"), judged.params.get("label_field"))
    return found


def measured(rows: Rows, embeddings: str | None, label_field: str | None) -> dict[str, Any]:
    """How many labels are corrected, and the classifier on the held-out part; {} where that cannot be measured."""
    if rows.field is not None or embeddings is None or label_field is None:
        return {}
    try:
        path, _, facts = find_vectors(rows.dataset, embeddings)
        matrix, has = read_vectors(rows, path, facts)
    except ParamError:
        return {}
    place = label_path(rows.dataset, label_field)
    given, _ = labels(rows, place, Choice(given_labels=True))
    working, corrected = labels(rows, place, Choice())
    names = sorted({label for label in (*given, *working) if label is not None})
    number = {name: code for code, name in enumerate(names)}
    told, true = (
        np.array([-1 if label is None else number[label] for label in own], dtype=np.int64) for own in (given, working)
    )
    told[~has] = true[~has] = -1
    x = np.where(has[:, None], matrix, np.float32(0))
    held = is_held_out(list(rows.ids))
    found: dict[str, Any] = {"corrected": corrected}
    now, before = held_out_accuracy(x, true, true, held), held_out_accuracy(x, told, true, held)
    if now is not None and before is not None:
        found |= {"classifier": _facts(now), "with_given_labels": _facts(before)}
        found["corrected_held_out"] = int((held & (told != true)).sum())
    return found


def _facts(measured: HeldOut) -> dict[str, float]:
    rounded = {name: round(getattr(measured, name), 4) for name in ("accuracy", "low", "high")}
    return {**rounded, "right": measured.right, "n": measured.n}


def _left(samples: fo.DatasetView, run: Run, runs: Sequence[Run], found: int) -> int:
    """How many of what a run points at nobody has decided about.

    Args:
        found: how many it points at.
    """
    dataset, declared = samples._root_dataset, run.declaration
    column = declared.marking if declared is not None else None
    if declared is not None and declared.finding is not None and declared.finding.of_classes:
        return 0  # of a class there is nothing to decide, sample by sample
    if run.patches_field is not None or column is None or dataset.get_field(FINDINGS) is None:
        return found
    question = question_of(run, runs)
    view = samples.match_tags(EXCLUDED, bool=False).match(marks.expression(column, run.writes[column.name]))
    return int(view.add_stage(fos.Match({"$expr": {"$not": [answered(question, question.evidence)]}})).count())
