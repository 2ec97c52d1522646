"""The Compare panel: the samples or objects selected in the grid, or else the one that is open, side by side: how alike
they are, what a model says of each, and the nearest neighbors of the first.

Similarities are cosines of stored vectors, and the model's say comes from stored logits: moving the temperature asks
nobody again, the panel's component divides and normalises anew.
"""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.core.stages as fos
import numpy as np

from ...core.base.columns import Label, Labels
from ...dataset.fields.rows import Rows, every, field_of, shown_field
from ...dataset.inputs.sources import find_vectors, vector_sources
from ...dataset.runs.record import Run, get_run, list_runs
from ..shared import grid, scope
from ..shared import patches as objects
from ..shared.arguments import Id
from ..shared.buttons import form
from ..shared.first_steps import advice
from ..shared.panel import CuratorPanel, Face, event
from ..shared.payloads import Advice, Picture, Small
from ..shared.similar import Similar, unit_vectors
from .payloads import ComparisonData, Says

HELP = """Select a sample or a few in the grid: how alike they are by any embeddings, what a model says of each at any
temperature, and the nearest neighbors of the first, with their similarity."""
MOST = 12  # samples side by side
MOST_CLASSES = 12  # rows of the model's say: those likeliest for one of the samples
MOST_LOGITS = 1_001  # classes beyond which logits are not sent
NOTHING: ComparisonData = {"similarity": None, "says": None, "neighbors": None}
NEIGHBORS = 8  # with the sample itself, three by three


class ComparisonPanel(CuratorPanel):
    """Look at a few samples side by side."""

    face = Face("comparison", "Curation Compare", "compare", HELP, "CuratorComparison", surfaces="grid modal")

    def on_change_selected(self, ctx: Any) -> None:
        self.refresh(ctx)

    def on_change_current_sample(self, ctx: Any) -> None:
        self.refresh(ctx)

    def on_change_dataset(self, ctx: Any) -> None:
        ctx.panel.set_state({"embeddings": None, "predictions": None, "objects": None})
        self.refresh(ctx)

    @event
    def refresh(self, ctx: Any) -> None:
        """Read the selection again."""
        first = advice(ctx)
        if first is not None:
            ctx.panel.set_data({"advice": first, "pictures": [], "hidden": None, **NOTHING})
            return
        self._with(ctx)

    @event
    def choose_embeddings(self, ctx: Any, key: str) -> None:
        """Compare by other vectors."""
        ctx.panel.set_state("embeddings", key)
        self._with(ctx, embeddings=key)

    @event
    def choose_predictions(self, ctx: Any, key: str) -> None:
        """Show what another run says."""
        ctx.panel.set_state("predictions", key)
        self._with(ctx, predictions=key)

    @event
    def show_neighbors(self, ctx: Any, ids: list[Id]) -> None:
        """Narrow the grid to the nine pictures."""
        chosen, field = fos.Select(ids, ordered=True), objects.about(ctx)
        whole = ctx.dataset.view()
        if field is None:
            ctx.ops.set_view(view=whole.add_stage(chosen))
        else:
            ctx.ops.set_view(view=objects.patches(ctx.dataset, whole, field, [chosen], grid.MARK))

    def _with(self, ctx: Any, **changed: str) -> None:
        state = {name: ctx.panel.get_state(name) for name in ("embeddings", "predictions")} | changed
        chosen, field = _chosen(ctx), shown_field(ctx.view)
        ctx.panel.set_state("objects", field)
        found = compared(ctx.dataset, chosen, state["embeddings"], state["predictions"], field)
        ctx.panel.set_data(found)  # at once: a table of two beside pictures of three cannot be drawn


def compared(
    dataset: fo.Dataset,
    selected: list[str],
    embeddings: str | None = None,
    predictions: str | None = None,
    field: str | None = None,
) -> ComparisonData:
    """Everything the component draws.

    Args:
        selected: ids of samples, or of objects.
        embeddings: key or field to compare by; the first that there is where it is not given or gone.
        predictions: key of a run with logits; the newest where it is not given or gone.
        field: of the objects, where the grid shows these; what is of images alone says nothing about them.
    """
    rows = (
        scope.values(dataset, field, selected, {"path": scope.picture(dataset, field, large=True)}) if selected else []
    )
    hidden = len(rows) - MOST
    ids = [row["id"] for row in rows[:MOST]]
    sources = [one for one in vector_sources(dataset) if field_of(dataset, find_vectors(dataset, one)[0]) == field]
    sayers = _sayers(dataset, field)
    by = embeddings if embeddings in sources else sources[0] if sources else None
    sayer = predictions if predictions in sayers else sayers[0] if sayers else None
    return {
        "advice": _advice(bool(ids), bool(by or sayer)),
        "pictures": [
            {"id": row["id"], "path": row["path"], "caption": str(place)} for place, row in enumerate(rows[:MOST], 1)
        ],
        "hidden": f"{hidden:,} more are selected; {MOST} are compared at once." if hidden > 0 else None,
        "embeddings": {"chosen": by, "choices": sources},
        "predictions": {"chosen": sayer, "choices": sayers},
        "similarity": _similarity(dataset, field, ids, by) if by else None,
        "says": _says(dataset, field, ids, sayer) if sayer else None,
        "neighbors": _neighbors(dataset, field, {"id": ids[0], "path": rows[0]["path"]}, by) if by and ids else None,
    }


def _chosen(ctx: Any) -> list[str]:
    """Ids of the samples to compare: those selected, or else the one that is open in the App's modal."""
    return [str(one) for one in ctx.selected or [ctx.current_sample] if one]


def _advice(selected: bool, comparable: bool) -> Advice | None:
    """What to do where there is nothing to show yet."""
    if not comparable:
        text = "Compute embeddings first: samples are compared, and neighbors found, by them."
        action = form("Compute embeddings", "compute_embeddings")
        return {"title": "There is nothing to compare by yet", "text": text, "action": action}
    if not selected:
        text = "Tick the box at the corner of a picture in the grid: one to see its neighbors, several to compare them."
        return {"title": "No sample is selected", "text": text, "action": None}
    return None


def _similarity(dataset: fo.Dataset, field: str | None, ids: list[str], by: str) -> list[list[float | None]] | None:
    """Cosines of all pairs; None where one has no vector."""
    if not ids:
        return None
    _, source, _ = find_vectors(dataset, by)
    images = scope.some(dataset, field, ids).rows().images
    found, x = unit_vectors(Rows(every(dataset).select(list(set(images))), field, ids), source)
    known = {one: vector for one, vector in zip(found, x, strict=True) if np.isfinite(vector).all() and vector.any()}
    unit = [known.get(one) for one in ids]
    return [[None if a is None or b is None else round(float(a @ b), 4) for b in unit] for a in unit]


def _sayers(dataset: fo.Dataset, field: str | None) -> list[str]:
    """Runs whose predictions keep logits, the newest first."""
    of_these = [run for run in reversed(list_runs(dataset)) if run.patches_field == field]
    return [run.key for run in of_these if _field(run) and run.facts.get("classes")]


def _field(run: Run) -> str | None:
    """The field of a run's predictions."""
    if run.status != "done":
        return None
    declared = run.declaration.writes if run.declaration else ()
    of_type = {column.type: run.writes[column.name] for column in declared if column.name in run.writes}
    return of_type.get(Label) or of_type.get(Labels)


def _holds_many(run: Run) -> bool:
    """Whether a run's predictions are any number of classes per sample."""
    declared = run.declaration.writes if run.declaration else ()
    return any(column.type is Labels and run.writes.get(column.name) == _field(run) for column in declared)


def _says(dataset: fo.Dataset, field: str | None, ids: list[str], key: str) -> Says | None:
    """Logits of every class for each sample, the likeliest classes first; None where there are none."""
    run = get_run(dataset, key)
    classes, path = list(run.facts["classes"]), f"{objects.seen(run, _field(run) or '')}.logits"
    if not ids or len(classes) > MOST_LOGITS:
        return None
    given = [row["logits"] for row in scope.values(dataset, field, ids, {"logits": path})]
    kind = dataset.get_field(scope.stored(dataset, field, path))  # packed, as the database gives them
    rows = [None if one is None else np.asarray(kind.to_python(one)) for one in given]
    rows = [None if row is None or len(row) != len(classes) else row for row in rows]
    known = [row for row in rows if row is not None and np.isfinite(row).all()]
    if not known:
        return None
    order = np.argsort(-np.max(np.stack(known), axis=0), kind="stable")
    return {
        "classes": [classes[code] for code in order],
        "logits": [None if row is None else [round(float(row[code]), 3) for code in order] for row in rows],
        "shown": min(MOST_CLASSES, len(classes)),
        "many": _holds_many(run),
        "temperature": run.facts.get("temperature") if run.method == "tag_zero_shot" else None,
    }


def _neighbors(dataset: fo.Dataset, field: str | None, own: Small, by: str) -> list[Picture]:
    """One and its eight nearest, with similarities as captions."""
    path, source, _ = find_vectors(dataset, by)
    asked = Run(key="", method="", reads={"embeddings": {**source, "field": path}}, patches_field=field)
    near = Similar(dataset, (), asked, own["id"], None).of(None, NEIGHBORS)
    return [{**own, "caption": "this one"}] + [
        {"id": one["id"], "path": one["path"], "caption": f"{one['similarity']:.3f}"} for one in near
    ]
