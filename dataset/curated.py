"""Where curated labels lie, and how they differ from the given ones."""

from __future__ import annotations

import fiftyone as fo


def curated_field(label_path: str) -> str:
    """The field of the curated labels: "ground_truth.label" or "ground_truth" → "ground_truth_curated"."""
    return f"{label_path.removesuffix('.label')}_curated"


def curated_path(label_path: str) -> str:
    """The curated label itself: "ground_truth.label" → "ground_truth_curated.label"; of a text field its field."""
    return curated_field(label_path) + (".label" if label_path.endswith(".label") else "")


def has_curated(dataset: fo.Dataset, label_path: str) -> bool:
    """Whether the dataset holds curated labels for these."""
    schema = dataset.get_field(curated_field(label_path))
    return schema is not None and (schema.info or {}).get("curates") == label_path


def corrections(dataset: fo.Dataset, label_path: str) -> list[tuple[str, str]]:
    """Ids and labels of the samples whose label people have corrected, in order of their ids."""
    if not has_curated(dataset, label_path):
        return []
    path = curated_path(label_path)
    stages = [
        {"$match": {"$expr": {"$ne": [f"${label_path}", f"${path}"]}, path: {"$ne": None}}},
        {"$sort": {"_id": 1}},
        {"$project": {"label": f"${path}"}},
    ]
    return [(str(row["_id"]), row["label"]) for row in dataset._aggregate(post_pipeline=stages)]
