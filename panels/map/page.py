"""What stands around a map: how far it can be trusted, what is shown of it, and the sample that is pointed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo

from ...dataset.decisions.decisions import REASON, TAGS
from ...dataset.runs.record import Run
from ..shared import scope, wording
from ..shared.buttons import form
from ..shared.payloads import Advice, Fact
from .colors import FieldChoice
from .payloads import MapQuality, PointSample
from .points import MapPoints

SAID = {"excluded": "Excluded", "kept": "Kept", "relabelled": "Relabelled"}

# Facts of the run that say how far the map can be trusted: their name, and what it means.
QUALITY = (
    ("trustworthiness", "Trustworthy", "Samples that lie close here are alike: 100 % if always, 50 % at random"),
    ("neighbors_kept", "Neighbors kept", "Of the samples most like each one, how many lie closest to it here"),
    (
        "triplet_accuracy",
        "Distances kept",
        "How often the nearer of two samples is the nearer one here; 50 % at random",
    ),
)


def quality(run: Run) -> list[MapQuality]:
    """The run's quality figures, each with what it means."""
    rows: list[MapQuality] = [
        {"label": label, "value": f"{run.facts[name]:.0%}", "help": help_text}
        for name, label, help_text in QUALITY
        if isinstance(run.facts.get(name), (int, float))
    ]
    explained = run.facts.get("explained_variance")
    if run.facts.get("method") == "pca" and explained:
        help_text = "How much of the differences between embeddings this map's axes hold"
        rows.append({"label": "Variation shown", "value": f"{sum(explained):.0%}", "help": help_text})
    return rows


def about(run: Run) -> str:
    """What the map shows, in a few words."""
    names = {"umap": "UMAP", "pacmap": "PaCMAP", "pca": "PCA", "tsne": "t-SNE"}
    method = names.get(str(run.facts.get("method", "")), "Map")
    source = (run.reads.get("embeddings") or {}).get("run") or (run.reads.get("embeddings") or {}).get("field")
    return f"{method} of {source}" if source else method


def drawn(points: MapPoints, total: int) -> str:
    """How many samples are drawn, and where the others are; "" where all are."""
    n = len(points.ids)
    texts = []
    if not points.all_drawn:
        texts.append(f"{len(points.rows):,} drawn, the shade shows where the others lie")
    if total > n:
        texts.append(f"{total - n:,} not on this map")
    return " · ".join(texts)


def sample(
    dataset: fo.Dataset, field: str | None, one: str, shown: Sequence[FieldChoice], label_path: str | None
) -> PointSample | None:
    """A sample or object with its picture, label and values of the fields that are shown; None where it is gone."""
    paths: dict[str, Any] = {f"f{number}": choice.path for number, choice in enumerate(shown)}
    paths |= {name: scope.own(field, path) for name, path in (("tags", "tags"), ("reason", REASON))}
    paths |= {
        "file": "filepath",
        "path": scope.picture(dataset, field),
        **({"label": label_path} if label_path else {}),
    }
    for row in scope.values(dataset, field, [one], paths):
        facts: list[Fact] = [
            {"label": choice.label, "value": text}
            for number, choice in enumerate(shown)
            if choice.path != label_path and (text := wording.plain(row.get(f"f{number}"))) is not None
        ]
        return {
            "id": one,
            "path": row["path"],
            "name": row["file"].rsplit("/", 1)[-1],
            "label": row.get("label"),
            "facts": facts,
            "decided": _decided(row),
        }
    return None


def nothing_yet(running: bool, has_embeddings: bool) -> Advice:
    """What to do first where there is no map."""
    if running:
        text = "It appears here when it is done; that takes from seconds to minutes."
        return {
            "title": "A map is being computed",
            "text": text,
            "action": {"label": "Look again", "event": "refresh"},
        }
    if not has_embeddings:
        text = (
            "A map lays all samples out so that similar ones lie close. It needs embeddings, which tell what is alike."
        )
        action = form("Compute embeddings", "compute_embeddings")
        return {"title": "There is no map yet", "text": text, "action": action}
    text = (
        "A map lays all samples out so that similar ones lie close: groups, odd ones and wrong labels show at a glance."
    )
    action = form("Compute a map", "compute_map")
    return {"title": "There is no map yet", "text": text, "action": action}


def _decided(row: Mapping[str, Any]) -> str | None:
    tag = next((tag for tag in row.get("tags") or [] if tag in TAGS), None)
    if tag is None:
        return None
    return SAID[tag] + (f": {row['reason']}" if tag == "excluded" and row.get("reason") else "")
