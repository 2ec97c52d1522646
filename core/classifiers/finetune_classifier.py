"""A network of one's own, trained on the pictures themselves: first its last layer, then all of it.

Which pictures are learned from, which decide when to stop and which are predicted; how a network learns is in
`core/classifiers/network_training.py`.

Letters: n pictures, C classes.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns, Label, LabelValues
from ..base.errors import asked_by
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import ParamError
from ..images.reading import UnreadableImage, read_images
from ..neighbors.graph import shared_graph
from ..probes.folds import near_duplicate_groups, stratified_folds
from ..probes.linear_probe import NEIGHBORS
from ..probes.nested_cross_validation import measured
from .checkpoints import Checkpoints
from .classifier_params import ClassifierParams
from .finetune_params import FinetuneParams
from .network_training import Trainer
from .networks import Frame, default_frame, keep, pretrained_state
from .task import Task, task_of
from .train_classifier import folds_of, predictions

ROOM = 8 / 7  # of a picture's side that is kept around the square, for random crops
IN_MEMORY = 1_000_000_000  # bytes of pictures; beyond, they lie in a temporary file
ASIDE = 0.15  # of the training rows, on which training decides when to stop


def finetune_classifier(inputs: Inputs, params: FinetuneParams, progress: Progress) -> Columns:
    """Train on each fold's other rows and predict the fold; unlabelled rows get the last network's prediction.

    Interrupted, a run with the same parameters on the same samples goes on from its last complete pass.

    Raises:
        ParamError: fewer than two classes, weights that are not the network's, or no memory for one picture.
    """
    progress(0, inputs.n, "reading pictures")
    frame = Frame(params.side, round(params.side * ROOM))
    with asked_by("FinetuneParams"):
        own = default_frame(params.model) if params.pretrained else frame
        frame = Frame(params.side, round(params.side * ROOM), own.mean, own.std)
        start = pretrained_state(params.model, params.weights, params.allow_download) if params.pretrained else {}
    pictures, errors = _read(inputs, frame.resize, progress)
    task = _readable(task_of(inputs, ClassifierParams(label_field=params.label_field)), errors)
    groups = near_duplicate_groups(shared_graph(inputs, NEIGHBORS)) if params.embeddings else _same_bytes(pictures)
    fold = _folds(task, groups, params)
    store = Checkpoints(inputs, params)
    logits = np.zeros((inputs.n, len(task.names)), dtype=np.float32)
    facts: list[Facts] = []
    folds = int(fold.max()) + 1
    for number in range(folds):
        trainer = Trainer(task, frame, pictures, params, start, (number, folds))
        rows = np.flatnonzero(task.known & (fold != number))
        inner, aside = _aside(task, groups, rows, params.seed)
        trained = trainer.train(inner, aside, store, number, progress)
        warm = measured(trainer.logits(aside), task.codes[aside])[2] if len(aside) else 1.0
        mine = np.flatnonzero((fold == number) | (~task.known & (number == folds - 1)))
        logits[mine] = np.float32(warm) * trainer.logits(mine)
        facts.append({"losses": trained.losses, "epochs": trained.epoch, "temperature": warm, **trainer.facts})
    values, found = predictions(task, logits, fold, groups, params.seed)
    found |= {"model": params.model, "side": params.side, "device": trainer.device, "folds_trained": facts}
    found |= _kept(inputs, trainer, params.model, task, frame)
    found["unreadable"] = sum(error is not None for error in errors)
    store.remove()
    seen = task.known & (fold < 0)
    return Columns(_blank(values, seen, np.array([error is not None for error in errors]), errors), found)


def _read(inputs: Inputs, side: int, progress: Progress) -> tuple[Array, list[str | None]]:
    """(n, side, side, 3) uint8, and why a picture could not be read."""
    shape = (inputs.n, side, side, 3)
    if int(np.prod(shape)) <= IN_MEMORY:
        pictures = np.zeros(shape, np.uint8)
    else:
        with tempfile.TemporaryFile() as file:  # the map holds it open; it goes with the map
            pictures = np.memmap(file, np.uint8, "w+", shape=shape)
    errors: list[str | None] = [None] * inputs.n
    for row, item in enumerate(read_images(inputs.paths, Frame(side, side).cut, enough=side)):
        if isinstance(item, UnreadableImage):
            errors[row] = str(item)
        else:
            pictures[row] = item
        if row % 256 == 0:
            progress(row, inputs.n, "reading pictures")
    return pictures, errors


def _readable(task: Task, errors: list[str | None]) -> Task:
    """The task without rows that cannot be read."""
    fine = np.array([error is None for error in errors])
    codes = np.where(fine, task.codes, -1)
    if len(np.unique(codes[codes >= 0])) < 2:
        raise ParamError("finetune_classifier needs readable pictures of at least 2 classes; there are fewer")
    return Task(task.names, codes, task.known & fine)


def _folds(task: Task, groups: Array, params: FinetuneParams) -> Array:
    """(n,) fold of each row; -1 for rows that are only learned from, and for unlabelled ones."""
    if params.folds > 1:
        return folds_of(task, groups, params.folds, params.seed)[0]
    parts = max(2, round(1 / params.held_out))
    fold, _ = folds_of(task, groups, parts, params.seed)
    return np.where(fold == 0, 0, -1)


def _aside(task: Task, groups: Array, rows: Array, seed: int) -> tuple[Array, Array]:
    """Rows to learn from, and rows set aside: none where there are too few to spare any."""
    parts = round(1 / ASIDE)
    if len(np.unique(groups[rows])) < 2 * parts:
        return rows, rows[:0]
    fold = stratified_folds(task.codes[rows], groups[rows], parts, seed)
    return rows[fold != 0], rows[fold == 0]


def _same_bytes(pictures: Array) -> Array:
    """(n,) group of each picture: equal pixels share one."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(hashlib.sha256(one.tobytes()).digest(), len(seen)) for one in pictures])


def _kept(inputs: Inputs, trainer: Trainer, model: str, task: Task, frame: Frame) -> Facts:
    """Keep the last fold's network, so that it can be explained and used elsewhere."""
    if inputs.folder is None:
        return {}
    path = Path(inputs.folder) / f"network-{uuid.uuid4().hex[:8]}.safetensors"
    keep(path, trainer.module, model, task.names, frame)
    return {"model_file": str(path), "files": [str(path)]}


def _blank(values: dict[str, Any], seen: Array, broken: Array, errors: list[str | None]) -> dict[str, Any]:
    """The columns without predictions for rows that the network has seen, or that cannot be read."""
    none = seen | broken
    label: LabelValues = values["prediction"]
    values["prediction"] = LabelValues(label.classes, np.where(none, -1, label.codes), label.confidence, label.logits)
    for name in ("confidence", "given_probability"):
        values[name] = np.where(none, np.nan, values[name])
    values["is_correct"] = [None if gone else one for one, gone in zip(values["is_correct"], none, strict=True)]
    if broken.any():
        values["error"] = errors
    return values


METHOD = Method(
    name="finetune_classifier",
    version=1,
    label="Fine-tune a network",
    stage="understand",
    key="finetuned",
    params=FinetuneParams,
    run=finetune_classifier,
    reads=("paths", "labels"),
    writes=(
        Column("prediction", Label, "Class predicted by a network that has not seen the sample"),
        Column("confidence", float, "Probability of the prediction, in [0, 1]", best="high"),
        Column("is_correct", bool, "The prediction agrees with the label", role="good"),
        Column("given_probability", float, "Probability of the given label, in [0, 1]", best="high"),
        Column("fold", int, "Fold in which the sample was predicted; none if the network learned from it"),
        Column("error", str, "Why the image could not be read", optional=True, role="problem"),
    ),
    cite="Loshchilov & Hutter 2019, arXiv:1711.05101; He et al. 2016, arXiv:1512.03385",
)
