"""What can be worked on: every view that shows images; how a run remembers the one it was made on."""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone as fo
from bson import json_util

from ...core.base.params import ParamError

MOST = 1_000_000  # letters of a view that a record keeps; one that names 30,000 samples one by one has more


def need_images(samples: fo.DatasetView, label: str) -> None:
    """Refuse what shows no images, with the way to images if there is one.

    Args:
        label: who needs them, for the sentence.

    Raises:
        ParamError: videos, groups, point clouds or 3D scenes are shown.
    """
    dataset = samples._root_dataset
    kind = samples.media_type
    if kind in (None, "image") and dataset.media_type != "video":
        return
    if dataset.media_type == "video":
        way = "take its frames as a dataset of their own: dataset.to_frames(sample_frames=True).clone()"
        what = "frames of videos" if kind == "image" else kind
    elif dataset.media_type == "group":
        slices = [name for name, media in dataset.group_media_types.items() if media == "image"]
        what = "groups" if kind == "group" else f"{kind} slices"
        way = f"open a slice of images: {_slices(slices)}" if slices else "none of its slices holds images"
    else:
        what, way = str(kind), "open a dataset of images"
    raise ParamError(f"{label} works on images; dataset {dataset.name!r} holds {what}; {way}")


def remembered(samples: fo.DatasetView) -> tuple[str, ...]:
    """The stages of a view, as text; none where they are too long to keep."""
    stages = tuple(json_util.dumps(stage) for stage in samples._serialize())
    return stages if sum(map(len, stages)) <= MOST else ()


def built(dataset: fo.Dataset, stages: Sequence[str]) -> fo.DatasetView:
    """The view of these stages, as it is now."""
    return fo.DatasetView._build(dataset, [json_util.loads(stage) for stage in stages])


def _slices(names: Sequence[str]) -> str:
    return " or ".join(f"dataset.select_group_slices({name!r})" for name in names)
