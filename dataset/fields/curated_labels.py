"""Where curated labels lie, and how they differ from the given ones.

Those that nobody has decided about are copies, marked as such where they are Classifications: a given label that is
edited later is no correction, and its copy follows it.
"""

from __future__ import annotations

from typing import Any

import fiftyone as fo

COPIED = "is_copy"  # attribute of a curated Classification that is the given one
LISTS = (".detections.", ".polylines.")  # in the path of what objects have


def inside(label_path: str) -> str:
    """The list of objects whose labels these are: "objects.detections.label" → "objects.detections"; "" for images."""
    return label_path.rpartition(".")[0] if any(part in label_path for part in LISTS) else ""


def curated_field(label_path: str) -> str:
    """The field of the curated labels: "ground_truth.label" or "ground_truth" → "ground_truth_curated".

    Those of objects are an attribute: "objects.detections.label" → "objects.detections.label_curated".
    """
    if inside(label_path):
        return f"{label_path}_curated"
    return f"{label_path.removesuffix('.label')}_curated"


def curated_path(label_path: str) -> str:
    """The curated label itself: "ground_truth.label" → "ground_truth_curated.label"; of a text field its field."""
    is_text = inside(label_path) or not label_path.endswith(".label")
    return curated_field(label_path) + ("" if is_text else ".label")


def has_curated(dataset: fo.Dataset, label_path: str) -> bool:
    """Whether the dataset holds curated labels for these."""
    schema = dataset.get_field(curated_field(label_path))
    return schema is not None and (schema.info or {}).get("curates") == label_path


def corrections(dataset: fo.Dataset, label_path: str) -> list[tuple[str, str]]:
    """Ids and labels of the samples or objects whose label people have corrected, in order of their ids."""
    if not has_curated(dataset, label_path):
        return []
    path, objects, mark = curated_path(label_path), inside(label_path), f"{curated_field(label_path)}.{COPIED}"
    # an object takes its sample's place
    stages: list[dict[str, Any]] = (
        [
            {"$unwind": f"${objects}"},
            {"$set": {"_id": f"${objects}._id"}},
        ]
        if objects
        else []
    )
    stages += [
        {"$match": {"$expr": {"$ne": [f"${label_path}", f"${path}"]}, path: {"$ne": None}, mark: {"$ne": True}}},
        {"$sort": {"_id": 1}},
        {"$project": {"label": f"${path}"}},
    ]
    return [(str(row["_id"]), row["label"]) for row in dataset._aggregate(post_pipeline=stages)]


def outdated_copies(label_path: str) -> dict[str, Any]:
    """The query for samples whose given label was edited after it was copied."""
    differs = {"$expr": {"$ne": [f"${label_path}", f"${curated_path(label_path)}"]}}
    return {f"{curated_field(label_path)}.{COPIED}": True, **differs}


def ids_of_outdated_copies(dataset: fo.Dataset, label_path: str) -> set[str]:
    """Ids of the samples whose working label is the given one, although the curated one differs."""
    found = dataset._sample_collection.find(outdated_copies(label_path), {"_id": True})
    return {str(row["_id"]) for row in found}
