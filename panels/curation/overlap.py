"""Classes that overlap by the estimate of confident learning, each pair with the samples that stand for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F

from ..shared import aggregations as reading
from ..shared.run_layout import Layout
from .payloads import Listing, Row

MOST = 8
EITHER = " ↔ "


def listing(view: fo.DatasetView, parts: Layout, facts: Mapping[str, Any]) -> Listing | None:
    """The pairs with the most samples between them; None where the run estimates none, or names no classes.

    The estimate is the confident joint's, of all samples of the run, in both directions. A row counts and shows the
    samples with either label for which the run prefers the other.
    """
    pairs = [one for one in facts.get("overlapping") or () if isinstance(one, dict)][:MOST]
    if not pairs or parts.labels is None or parts.label is None:
        return None
    cells, rows = reading.crossed(view, parts.labels, parts.label.path), list[Row]()
    for pair in pairs:
        one, other = pair["classes"]
        n = cells.get((one, other), 0) + cells.get((other, one), 0)
        shown = [{"$limit": 1}, {"$project": {"path": reading.picture_of(view)}}]
        found = view.match(_between(parts, one, other))._aggregate(post_pipeline=shown) if n else ()
        first_id, path = next(((str(row["_id"]), row["path"]) for row in found), (None, None))
        name, note = f"{one}{EITHER}{other}", f"estimated: about {pair['samples']:,.0f}"
        rows.append({"value": name, "label": name, "n": n, "mean": None, "note": note, "id": first_id, "path": path})
    return {
        "column": "",
        "title": "Overlapping classes",
        "said": "Pairs with the most samples that carry one label and belong to the other, as the run estimates.",
        "rows": rows,
        "event": "show_overlap",
        "size": "Samples",
        "mean": None,
        "hidden": None,
    }


def condition(parts: Layout, facts: Mapping[str, Any], value: Any) -> Any:
    """The expression for the samples of one row of the list; None where there is no such row."""
    if parts.labels is None or parts.label is None:
        return None
    pairs = [tuple(pair["classes"]) for pair in facts.get("overlapping") or ()]
    found = next((pair for pair in pairs if EITHER.join(pair) == value), None)
    return None if found is None else _between(parts, *found)


def _between(parts: Layout, one: str, other: str) -> Any:
    assert parts.labels is not None
    assert parts.label is not None
    given, said = F(parts.labels), F(parts.label.path)
    return ((given == one) & (said == other)) | ((given == other) & (said == one))
