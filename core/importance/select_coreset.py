"""A weighted coreset: a small sample on which a classifier learns nearly what it would from all.

How it is chosen and weighed is in `core/importance/coreset.py`. It is made for training and estimates the loss of a
pilot model; it carries no bound on other losses. Train on it with its weights.

Letters: n rows, d dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import ParamError, Params, param
from ..base.threads import blas_threads
from ..probes.linear_probe import two_classes, unit_rows
from .coreset import class_sizes, pick, pilot_loss
from .coreset_training import coreset_training, said_of_training

CLASS_SIZE: dict[str, Any] = {"mapping": "cat=100", "words": ("all",), "at_least": 0, "whole": True}


@dataclass(frozen=True, kw_only=True)
class CoresetParams(Params):
    """Pick a small weighted sample on which a classifier learns nearly what it would from all samples."""

    embeddings: str = param("embeddings", "Embeddings the classifier would see", reads="embeddings")
    label_field: str | None = param(
        "ground_truth",
        "Labels the classifier would learn; empty: only the vectors count",
        reads="labels",
    )
    size: int = param(help="How many samples to pick", at_least=1)
    class_size: tuple[str, ...] = param(
        (), "Samples of certain classes, such as cat=100 or dog=all; the others share the rest", **CLASS_SIZE
    )
    class_at_least: int = param(10, "Fewest samples of any class", at_least=0, advanced=True)
    seed: int = param(51, "Random seed of the draw", at_least=0, advanced=True)


def select_coreset(inputs: Inputs, params: CoresetParams, progress: Progress) -> Columns:
    """Choose and weigh; unlabelled rows are left out where labels are read. Columns as declared in `METHOD`.

    Raises:
        ParamError: fewer rows than `size`, or a class that there is not.
    """
    names: tuple[str, ...] = ("all",)
    if params.label_field is None:
        codes: Array = np.zeros(inputs.n, dtype=np.int64)
    else:
        labels = two_classes(inputs)
        names, codes = labels.names, labels.codes
    wanted = sizes_of_classes(params, "class_size", names)
    at_most_all(params.size, codes >= 0, "CoresetParams.size")
    values, coreset = coreset_columns(
        unit_rows(inputs.vectors), codes, names, params.size, params.class_at_least, wanted, params.seed, progress
    )
    facts: Facts = {"coreset": coreset, "headline": f"{coreset['size']:,} of {inputs.n:,} samples stand for all"}
    if coreset.get("training"):
        facts["held_out_accuracy"] = said_of_training(coreset["training"])
    progress(1, 1, "done")
    return Columns(values, facts, codes >= 0)


def coreset_columns(
    x: Array,
    codes: Array,
    names: tuple[str, ...],
    size: int,
    class_at_least: int,
    wanted: dict[int, int | None],
    seed: int,
    progress: Progress,
) -> tuple[dict[str, Any], Facts]:
    """The columns `in_coreset` and `weight`, and what is to be said of them.

    Args:
        x: (n, d) unit rows.
        codes: (n,) index into `names`; rows of -1 are not chosen from.
        size, class_at_least, wanted: as `coreset.class_sizes` takes them.
        seed: of the draw.
    """
    rows = np.flatnonzero(codes >= 0)
    own, known = x[rows], codes[rows]
    progress(0, 1, "drawing the coreset")
    sizes = class_sizes(known, len(names), size, class_at_least, wanted)
    with blas_threads(1):
        coreset = pick(own, pilot_loss(own, known, len(names)), known, sizes, seed)
    weight = np.full(len(x), np.nan)
    weight[rows[coreset.rows]] = coreset.weights
    facts: Facts = {
        "size": len(coreset.rows),
        "per_class": {name: int(number) for name, number in zip(names, sizes, strict=True)},
        "largest_weight": float(coreset.weights.max(initial=0.0)),
    }
    if len(names) > 1:
        facts["training"] = coreset_training(own, known, len(names), class_at_least, seed, progress)
    return {"in_coreset": ~np.isnan(weight), "weight": weight}, facts


def sizes_of_classes(params: Params, name: str, classes: tuple[str, ...]) -> dict[int, int | None]:
    """Class code → number wanted, None for all, as a parameter of entries such as cat=100 and dog=all says.

    Raises:
        ParamError: there is no such class.
    """
    given = params.mapping(name)
    for one in given:
        if one not in classes:
            raise ParamError(
                f"{type(params).__name__}.{name} names the class {one!r}; the classes are {', '.join(classes[:20])}"
            )
    return {classes.index(one): None if number == "all" else int(number) for one, number in given.items()}


def at_most_all(size: int, rows: Array, name: str) -> None:
    """Refuse a size above the number of rows that can be chosen.

    Raises:
        ParamError: with that number.
    """
    if size > rows.sum():
        which = "labelled samples" if (~rows).any() else "samples"
        raise ParamError(f"{name} must be at most the number of {which} ({int(rows.sum())}); got {size}")


METHOD = Method(
    name="select_coreset",
    version=1,
    label="Select a coreset",
    stage="select",
    key="coreset",
    params=CoresetParams,
    run=select_coreset,
    reads=("embeddings", "labels"),
    writes=(
        Column("in_coreset", bool, "In the weighted coreset", role="mark"),
        Column("weight", float, "How many samples a coreset sample stands for; train with it"),
    ),
    cite="Boley 1998, doi:10.1023/A:1009740529316; Deville & Sarndal 1992, doi:10.1080/01621459.1992.10475217",
)
