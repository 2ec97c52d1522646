"""A network of one's own, trained on the pictures themselves: first its last layer, then all of it.

Frozen, the last layer is the best linear one on the network's features (`core/logistic.py`), which are computed once.
Then all layers learn, the early ones slowly, on pictures that are cropped, mirrored and brightened at random, until
the loss on rows set aside has not fallen for a while. AdamW: Loshchilov & Hutter 2019, arXiv:1711.05101.

Letters: n pictures, C classes, s pixels a side.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .classifier import ClassifierParams, Task, folds_of, predictions, task_of
from .folds import near_duplicate_groups, stratified_folds
from .images import UnreadableImage, read_images
from .logistic import PENALTIES, Design, log_loss, softmax, solve
from .method import Array, Column, Columns, Facts, Inputs, Label, LabelValues, Method, Progress
from .nested import measured
from .networks import SUGGESTED, Frame, build, default_frame, keep, last_linear, pretrained_state, speaking_as
from .params import ParamError, Params, param
from .probe import NEIGHBORS

ROOM = 8 / 7  # of a picture's side that is kept around the square, for random crops
IN_MEMORY = 1_000_000_000  # bytes of pictures; beyond, they lie in a temporary file
ASIDE = 0.15  # of the training rows, on which training decides when to stop
DECAY = 0.02
TRUNK = 0.1  # learning rate of the pretrained layers, relative to the last one's


@dataclass(frozen=True, kw_only=True)
class FinetuneParams(Params):
    """Train a network on the pictures themselves, from a pretrained one on, with predictions for held-out pictures."""

    label_field: str = param("ground_truth", "Labels, one class per sample", reads="labels")
    embeddings: str | None = param(
        None, "Embeddings by which near-duplicates are told, so that they never straddle", reads="embeddings"
    )
    model: str = param("torchvision:resnet18", "Network: torchvision:<model> or timm:<model>", suggest=SUGGESTED)
    weights: str | None = param(None, "Checkpoint of it on this machine; else the library's cache", path="file")
    pretrained: bool = param(True, "Start from trained weights; without, from random ones")
    allow_download: bool = param(False, "Fetch weights that are not on this machine from the network")
    epochs: int = param(5, "Passes with all layers learning; 0 trains the last layer only", at_least=0)
    folds: int = param(1, "1 holds out a share; more predict every sample, at as many times the cost", at_least=1)
    held_out: float = param(0.2, "Share that is held out with one fold", above=0, at_most=0.5)
    side: int = param(160, "Pixels a side that the network sees", at_least=32)
    augment: bool = param(True, "Crop, mirror and brighten at random while learning", advanced=True)
    class_weights: str = param(
        "none", "Balanced lets rare classes count as much as frequent ones", among=("none", "balanced"), advanced=True
    )
    learning_rate: float = param(1e-3, "Of the last layer; the others learn at a tenth of it", above=0, advanced=True)
    patience: int = param(2, "Passes without a lower loss after which training stops", at_least=1, advanced=True)
    batch_size: int = param(32, "Pictures per step", at_least=1, advanced=True)
    device: str = param("auto", "Where the network runs", among=("auto", "cpu", "cuda"), advanced=True)
    precision: str = param(
        "auto", "Arithmetic; auto is bf16 on a GPU that has it", among=("auto", "fp32", "bf16"), advanced=True
    )
    seed: int = param(51, "Seed of folds, crops and random weights", at_least=0, advanced=True)


@dataclass
class Trained:
    """State of one fold's training; what a checkpoint holds.

    Attributes:
        epoch: passes done.
        state: the network's tensors.
        moments: AdamW's, first and second, by parameter.
        best: the state of least loss, that loss and its epoch.
        losses: of each epoch, training and set aside.
    """

    epoch: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    moments: dict[str, list[Any]] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    losses: list[dict[str, float | None]] = field(default_factory=list)


def finetune_classifier(inputs: Inputs, params: FinetuneParams, progress: Progress) -> Columns:
    """Train on each fold's other rows and predict the fold; unlabelled rows get the last network's prediction.

    Interrupted, a run with the same parameters on the same samples goes on from its last complete pass.

    Raises:
        ParamError: fewer than two classes, weights that are not the network's, or a GPU without memory.
    """
    progress(0, inputs.n, "reading pictures")
    frame = Frame(params.side, round(params.side * ROOM))
    with speaking_as("FinetuneParams"):
        own = default_frame(params.model) if params.pretrained else frame
        frame = Frame(params.side, round(params.side * ROOM), own.mean, own.std)
        start = pretrained_state(params.model, params.weights, params.allow_download) if params.pretrained else {}
    pictures, errors = _read(inputs, frame.resize, progress)
    task = _readable(task_of(inputs, ClassifierParams(label_field=params.label_field)), errors)
    groups = near_duplicate_groups(inputs.neighbors(NEIGHBORS)) if params.embeddings else _same_bytes(pictures)
    fold = _folds(task, groups, params)
    store = _Checkpoints(inputs, params)
    logits = np.zeros((inputs.n, len(task.names)), dtype=np.float32)
    facts: list[Facts] = []
    folds = int(fold.max()) + 1
    for number in range(folds):
        trainer = Trainer(task, frame, pictures, params, start, f"fold {number + 1} of {folds}" if folds > 1 else "")
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


class Trainer:
    """One network, one training."""

    def __init__(
        self, task: Task, frame: Frame, pictures: Array, params: FinetuneParams, start: dict[str, Any], said: str
    ) -> None:
        import torch

        from .engines.torch_engine import native_bf16, pick_device

        with speaking_as("FinetuneParams"):
            self.device = pick_device(params.device)
            torch.manual_seed(params.seed)
            self.module = build(params.model, len(task.names))
            self.head = _filled(self.module, start, params)
        self.module.to(self.device)
        on_gpu = params.precision == "auto" and self.device == "cuda" and native_bf16(self.device)
        self._half = params.precision == "bf16" or on_gpu
        self._task, self._frame, self._pictures, self._params, self._said = task, frame, pictures, params, said
        self._micro = params.batch_size  # pictures at once; fewer where the GPU has no memory for more
        self.facts: Facts = {"precision": "bf16" if self._half else "fp32"}

    def train(self, rows: Array, aside: Array, store: _Checkpoints, number: int, progress: Progress) -> Trained:
        """Fit the last layer, then all; the network ends in its best state.

        Args:
            rows: to learn from.
            aside: rows that decide when to stop; where there are none, all passes are made.
        """
        trained = store.load(number)
        if trained.epoch == 0 and not trained.best:
            progress(0, 1, self._doing("features of the frozen network"))
            if self._params.pretrained:  # features of random layers say nothing, and change with the first step
                self._fit_head(rows, aside)
            self._look(trained, aside, None)
            store.save(number, trained)
        self.facts["frozen_loss"] = trained.losses[0]["aside"]
        self.module.load_state_dict(trained.state)
        while trained.epoch < self._params.epochs:
            if len(aside) and trained.epoch - trained.best["epoch"] >= self._params.patience:
                break
            loss = self._epoch(rows, trained, progress)
            trained.epoch += 1
            self._look(trained, aside, loss)
            store.save(number, trained)
        self.module.load_state_dict(trained.best["state"])
        self.facts["best_epoch"] = trained.best["epoch"]
        return trained

    def logits(self, rows: Array) -> Array:
        """(len(rows), C) float32, of the middle of each picture."""
        return self._forward(rows, None)

    def _forward(self, rows: Array, spy: list[Array] | None) -> Array:
        """Logits; what the last layer is given joins `spy`."""
        import torch

        self.module.eval()
        handle = None
        if spy is not None:
            handle = self.head.register_forward_pre_hook(lambda part, given: spy.append(given[0].float().cpu().numpy()))
        found = [np.zeros((0, len(self._task.names)), np.float32)]
        try:
            for part in _parts(rows, self._micro):
                with torch.inference_mode(), self._arithmetic():
                    found.append(self.module(self._batch(self._middle(part))).float().cpu().numpy())
        finally:
            if handle is not None:
                handle.remove()
        return np.concatenate(found)

    def _fit_head(self, rows: Array, aside: Array) -> None:
        """The best linear layer on the frozen features: its penalty by the loss on the rows set aside."""
        import torch

        spy: list[Array] = []
        every = np.concatenate([rows, aside])
        self._forward(every, spy)
        design = Design.of(np.concatenate(spy).reshape(len(every), -1))
        inside, held = np.arange(len(rows)), np.arange(len(rows), len(every))
        balanced = self._params.class_weights == "balanced"
        counts = self._task.balance(rows) if balanced else None
        codes, n_classes = self._task.codes, len(self._task.names)
        best, fit, least = None, None, np.inf
        for penalty in PENALTIES[::2]:
            fit = solve(design, inside, codes[rows], n_classes, penalty, fit, counts)
            loss = log_loss(softmax(design.scores(held, fit)), codes[aside]) if len(aside) else 0.0
            if loss < least:
                best, least = fit, loss
        assert best is not None
        weight = (design.basis @ best.weights).T
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight.astype(np.float32)))
            self.head.bias.copy_(torch.from_numpy((best.intercept - weight @ design.mean).astype(np.float32)))

    def _look(self, trained: Trained, aside: Array, loss: float | None) -> None:
        """Note the loss on the rows set aside, and the state if it is the best."""
        known = log_loss(softmax(self.logits(aside)), self._task.codes[aside]) if len(aside) else None
        held = -float(trained.epoch) if known is None else known  # with none set aside the last state is the best
        trained.state = {name: value.detach().cpu().clone() for name, value in self.module.state_dict().items()}
        trained.losses.append({"training": loss, "aside": known})
        if not trained.best or held < trained.best["loss"]:
            trained.best = {"state": trained.state, "loss": held, "epoch": trained.epoch}

    def _epoch(self, rows: Array, trained: Trained, progress: Progress) -> float:
        """One pass in random order; returns its mean loss."""
        params = self._params
        rng = np.random.default_rng([params.seed, trained.epoch])
        order = rng.permutation(rows)
        steps = list(_parts(order, params.batch_size))
        self.module.train()
        if params.pretrained:
            _keep_statistics(self.module)
        total = 0.0
        for step, part in enumerate(steps):
            if len(part) == 1 and len(steps) > 1:
                continue  # one picture alone has no statistics to normalise by
            at = trained.epoch * len(steps) + step
            total += self._step(part, trained, at, len(steps) * params.epochs, rng) * len(part)
            said = f"pass {trained.epoch + 1} of {params.epochs}, loss {total / ((step + 1) * params.batch_size):.3f}"
            progress(at + 1, len(steps) * params.epochs, self._doing(said))
        return total / len(rows)

    def _step(self, rows: Array, trained: Trained, step: int, steps: int, rng: np.random.Generator) -> float:
        """One step of AdamW on a batch, a part at a time where the GPU has no memory for all; returns the loss."""
        import torch

        pixels = self._varied(rows, rng) if self._params.augment else self._middle(rows)
        weighted = self._params.class_weights == "balanced"
        counts = torch.from_numpy(self._task.balance(rows) if weighted else np.ones(len(rows), np.float32))
        codes = torch.from_numpy(self._task.codes[rows])
        while True:
            self.module.zero_grad()
            try:
                total = 0.0
                for part in _parts(np.arange(len(rows)), self._micro):
                    with self._arithmetic():
                        out = self.module(self._batch(pixels[part])).float()
                    losses = torch.nn.functional.cross_entropy(out, codes[part].to(self.device), reduction="none")
                    loss = (losses * counts[part].to(self.device)).sum() / len(rows)
                    loss.backward()  # type: ignore[no-untyped-call]
                    total += float(loss.detach())
                break
            except torch.cuda.OutOfMemoryError:
                if self._micro == 1:
                    raise ParamError(
                        "The GPU has no memory to train on even one picture at once; choose device cpu, a smaller "
                        f"network or a side below {self._params.side}"
                    ) from None
                self._micro = max(1, self._micro // 2)
                torch.cuda.empty_cache()
        warm = min(1.0, (step + 1) / max(steps // 10, 1)) * 0.5 * (1 + np.cos(np.pi * step / max(steps, 1)))
        self._adamw(trained, step + 1, self._params.learning_rate * warm)
        return total

    def _adamw(self, trained: Trained, step: int, rate: float) -> None:
        """Written out, so that its state is plain tensors: checkpoints open without running code."""
        import torch

        mine = {id(part) for part in self.head.parameters()}
        with torch.no_grad():
            for name, weight in self.module.named_parameters():
                if weight.grad is None:
                    continue
                if name not in trained.moments:
                    trained.moments[name] = [torch.zeros_like(weight), torch.zeros_like(weight)]
                first, second = trained.moments[name] = [one.to(weight.device) for one in trained.moments[name]]
                first.lerp_(weight.grad, 0.1)
                second.mul_(0.999).addcmul_(weight.grad, weight.grad, value=0.001)
                own = rate if id(weight) in mine or not self._params.pretrained else TRUNK * rate
                if weight.ndim > 1:
                    weight.mul_(1 - own * DECAY)
                deviation = (second / (1 - 0.999**step)).sqrt().add_(1e-8)
                weight.addcdiv_(first / (1 - 0.9**step), deviation, value=-own)

    def _middle(self, rows: Array) -> Array:
        """(m, s, s, 3) uint8, the middle of each picture."""
        left = (self._frame.resize - self._frame.side) // 2
        inside = slice(left, left + self._frame.side)
        return np.asarray(self._pictures[rows])[:, inside, inside]

    def _varied(self, rows: Array, rng: np.random.Generator) -> Array:
        """(m, s, s, 3) uint8: a random part of each picture, mirrored half of the time, a little brighter or darker."""
        side, room = self._frame.side, self._frame.resize - self._frame.side
        out = np.empty((len(rows), side, side, 3), dtype=np.uint8)
        for place, row in enumerate(rows):
            top, left = rng.integers(0, room + 1, 2)
            part = self._pictures[row][top : top + side, left : left + side]
            part = part[:, ::-1] if rng.random() < 0.5 else part
            out[place] = np.clip(part * rng.uniform(0.8, 1.25), 0, 255)
        return out

    def _batch(self, pixels: Array) -> Any:
        import torch

        x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device).permute(0, 3, 1, 2).float() / 255
        mean, std = (
            torch.tensor(one, device=self.device)[:, None, None] for one in (self._frame.mean, self._frame.std)
        )
        return (x - mean) / std

    def _arithmetic(self) -> Any:
        import torch

        return torch.autocast(self.device, torch.bfloat16, enabled=self._half)

    def _doing(self, what: str) -> str:
        return f"{self._said}: {what}" if self._said else what


class _Checkpoints:
    """State on disk after every pass, under a digest of what is learned from what."""

    def __init__(self, inputs: Inputs, params: FinetuneParams) -> None:
        self._path: Path | None = None
        if inputs.folder is not None:
            labels = inputs.labels.codes.tolist() if inputs.labels is not None else []
            text = repr((params.to_dict(), list(inputs.ids or inputs.paths), labels))
            self._path = Path(inputs.folder) / f"finetune-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def load(self, number: int) -> Trained:
        import torch

        path = self._file(number)
        if path is None or not path.is_file():
            return Trained()
        try:
            return Trained(**torch.load(path, map_location="cpu", weights_only=True))
        except (OSError, RuntimeError, EOFError, ValueError, TypeError):
            return Trained()  # cut short: this fold begins anew

    def save(self, number: int, trained: Trained) -> None:
        import torch

        path = self._file(number)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        torch.save(dict(vars(trained)), part)
        part.replace(path)

    def remove(self) -> None:
        """Delete them, once the run is complete."""
        if self._path is not None:
            for path in self._path.parent.glob(f"{self._path.name}-*.pt"):
                path.unlink()

    def _file(self, number: int) -> Path | None:
        return None if self._path is None else self._path.with_name(f"{self._path.name}-{number}.pt")


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


def _filled(module: Any, start: dict[str, Any], params: FinetuneParams) -> Any:
    """Load what the checkpoint has but its last layer; returns the module's last layer."""
    head = last_linear(module)
    if head is None or head.bias is None:
        raise ParamError(f"FinetuneParams.model must end in a linear layer; {params.model} does not")
    name = next(name for name, part in module.named_modules() if part is head)
    if start:
        kept = {key: value for key, value in start.items() if not key.startswith(f"{name}.")}
        own = {key: value for key, value in module.state_dict().items() if key.startswith(f"{name}.")}
        try:
            module.load_state_dict({**kept, **own})
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ParamError(f"FinetuneParams.weights must be a checkpoint of {params.model} ({reason})") from None
    return head


def _keep_statistics(module: Any) -> None:
    """Batches of few pictures would spoil the statistics that the pretrained layers normalise by."""
    import torch

    for part in module.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            part.eval()


def _parts(rows: Array, size: int) -> Iterator[Array]:
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]


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
        Column("prediction", Label, "Class that a network which did not see the sample predicts"),
        Column("confidence", float, "Probability of the prediction, in [0, 1]", best="high"),
        Column("is_correct", bool, "The prediction is what the label says"),
        Column("given_probability", float, "Probability of what the label says, in [0, 1]", best="high"),
        Column("fold", int, "Fold that the sample was predicted in; none where the network learned from it"),
        Column("error", str, "Why the picture could not be read", optional=True),
    ),
    cite="Loshchilov & Hutter 2019, arXiv:1711.05101; He et al. 2016, arXiv:1512.03385",
)
