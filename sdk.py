"""Curator in Python: the same methods and actions as in the App.

>>> run = image_curation.curate(dataset, "find_representatives", k=20)
>>> run.headline, run.writes
"""

from __future__ import annotations

from typing import Any

import fiftyone as fo

from .core.base.arrays import Progress, silent
from .core.base.params import ParamError
from .core.embeddings.models.own_module import offer
from .core.embeddings.models.preparation import from_json
from .dataset.actions.catalog import ACTIONS
from .dataset.actions.import_images import into
from .dataset.actions.recipes import export_recipe, run_recipe
from .dataset.curate import curate
from .dataset.runs.freshness import stale_reason
from .dataset.runs.record import Run, get_run, list_runs
from .panels.curation.status import status

__all__ = [
    "ParamError",
    "Run",
    "act",
    "curate",
    "export_recipe",
    "get_run",
    "import_images",
    "list_runs",
    "offer_network",
    "run_recipe",
    "stale_reason",
    "status",
]


def act(
    samples: fo.Dataset | fo.DatasetView, action: str, /, *, progress: Progress = silent, **params: Any
) -> dict[str, Any]:
    """Do what is not a method: `save_slice`, `export_list`, `export_embeddings`, `forget_run`, `rerun`, …

    Args:
        samples: a dataset, or a view where the action is about its samples.
        action: name of the action, as the operator's.

    Returns:
        its summary; `headline` says it in a sentence

    Raises:
        ParamError: no such action, or a parameter it cannot use.
    """
    declared = next((known for known in ACTIONS if known.name == action), None)
    if declared is None:
        raise ParamError(f"There is no action {action!r}; the actions are {', '.join(known.name for known in ACTIONS)}")
    view = samples.view() if isinstance(samples, fo.Dataset) else samples
    return declared.run(view, declared.params.from_dict(params), progress)


def offer_network(name: str, network: Any, /, **preparation: Any) -> None:
    """Let `compute_embeddings` run a torch module of this process, as `model="module:<name>"`.

    Args:
        network: takes (b, 3, h, w), makes (b, d) or (b, d, h', w'), which is averaged; it is copied, not changed.
        preparation: how it wants pictures: `size`, and where they differ from ImageNet's usual ones `resize`, `fit`
            ("crop", "squash" or "pad"), `interpolation`, `mean`, `std` and `fill`.

    Raises:
        ParamError: the name or the preparation cannot be used.
    """
    try:
        offer(name, network, from_json(preparation))
    except (TypeError, ValueError) as error:
        raise ParamError(f"offer_network cannot prepare pictures for {name!r}: {error}") from None


def import_images(dataset: fo.Dataset | str, /, *, progress: Progress = silent, **params: Any) -> dict[str, Any]:
    """Add images to a dataset, or to the one of that name, made where it does not exist.

    Args:
        params: `directory`, `list_file` or `npz`, and the other parameters of the operator `import_images`.

    Returns:
        counts of samples added, already there and unreadable, and the first unreadable files
    """
    return into(dataset, progress, **params)
