"""The training of one network on pictures: its last layer on frozen features, then all layers, with checkpoints.

Frozen, the last layer is the best linear one on the network's features (`core/probes/logistic.py`), which are computed
once. Then all layers learn, the early ones slowly, on pictures that are cropped, mirrored and brightened at random,
until the loss on rows set aside has not fallen for a while. A batch that does not fit the memory is learned from in
parts. AdamW: Loshchilov & Hutter 2019, arXiv:1711.05101.

Letters: m rows, C classes, K features, s pixels a side.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.errors import asked_by
from ..base.inputs import Inputs
from ..base.memory import onto, tried
from ..base.params import ParamError
from ..probes.logistic import PENALTIES, Design, log_loss, softmax, solve
from .networks import Frame, build, last_linear
from .task import Task

if TYPE_CHECKING:
    from .finetune_params import FinetuneParams

DECAY = 0.02
TRUNK = 0.1  # learning rate of the pretrained layers, relative to the last one's


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


class Trainer:
    """One network, one training."""

    def __init__(
        self,
        task: Task,
        frame: Frame,
        pictures: Array,
        params: FinetuneParams,
        start: dict[str, Any],
        place: tuple[int, int] = (0, 1),
    ) -> None:
        """
        Args:
            pictures: (n, s + room, s + room, 3) uint8.
            start: a checkpoint's tensors; none to begin with random ones.
            place: number of this training from 0, and how many there are.
        """
        import torch

        from ..embeddings.models.torch_engine import native_bf16, pick_device

        with asked_by("FinetuneParams"):
            self.device = pick_device(params.device)
            torch.manual_seed(params.seed)
            self.module = build(params.model, len(task.names))
            self.head = _filled(self.module, start, params)
        onto(self.device, self.module)
        on_gpu = params.precision == "auto" and self.device == "cuda" and native_bf16(self.device)
        self._half = params.precision == "bf16" or on_gpu
        self._task, self._frame, self._pictures, self._params, self._place = task, frame, pictures, params, place
        self._micro = params.batch_size  # pictures at once; fewer where the memory holds no more
        self.facts: Facts = {"precision": "bf16" if self._half else "fp32"}

    def train(self, rows: Array, aside: Array, store: Checkpoints, number: int, progress: Progress) -> Trained:
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
        return self._forward(rows)[0]

    def _forward(self, rows: Array) -> tuple[Array, Array]:
        """(m, C) logits of the middle of each picture, and (m, K) what the last layer is given."""
        self.module.eval()
        logits, features = [np.zeros((0, len(self._task.names)), np.float32)], []
        place = 0
        while place < len(rows):
            part = rows[place : place + self._micro]
            found = tried(lambda: self._looked_at(part), len(part))  # noqa: B023
            if found is None:
                self._micro = len(part) // 2
                continue
            logits.append(found[0])
            features.append(found[1])
            place += len(part)
        return np.concatenate(logits), np.concatenate(features or [np.zeros((0, 0), np.float32)])

    def _looked_at(self, rows: Array) -> tuple[Array, Array]:
        import torch

        given: list[Array] = []
        handle = self.head.register_forward_pre_hook(lambda part, x: given.append(x[0].float().cpu().numpy()))
        try:
            with torch.inference_mode(), self._arithmetic():
                logits = self.module(self._batch(self._middle(rows))).float().cpu().numpy()
        finally:
            handle.remove()
        return logits, given[0].reshape(len(rows), -1)

    def _fit_head(self, rows: Array, aside: Array) -> None:
        """The best linear layer on the frozen features: its penalty by the loss on the rows set aside."""
        import torch

        every = np.concatenate([rows, aside])
        design = Design.of(self._forward(every)[1])
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
        began = time.monotonic()
        for step, part in enumerate(steps):
            if len(part) == 1 and len(steps) > 1:
                continue  # one picture alone has no statistics to normalise by
            at = trained.epoch * len(steps) + step
            total += self._step(part, trained, at, len(steps) * params.epochs, rng) * len(part)
            each = (time.monotonic() - began) / (step + 1)
            left = _minutes(each * (len(steps) * params.epochs * (self._place[1] - self._place[0]) - at - 1))
            said = f"pass {trained.epoch + 1} of {params.epochs}, loss {total / ((step + 1) * params.batch_size):.3f}"
            progress(at + 1, len(steps) * params.epochs, self._doing(f"{said}, {left}"))
        return total / len(rows)

    def _step(self, rows: Array, trained: Trained, step: int, steps: int, rng: np.random.Generator) -> float:
        """One step of AdamW on a batch, a part at a time where the memory does not hold all; returns the loss."""
        pixels = self._varied(rows, rng) if self._params.augment else self._middle(rows)
        while True:
            size = min(self._micro, len(rows))
            loss = tried(lambda: self._slopes(pixels, rows, size), size)  # noqa: B023
            if loss is not None:
                break
            self._micro = size // 2
        warm = min(1.0, (step + 1) / max(steps // 10, 1)) * 0.5 * (1 + np.cos(np.pi * step / max(steps, 1)))
        self._adamw(trained, step + 1, self._params.learning_rate * warm)
        return loss

    def _slopes(self, pixels: Array, rows: Array, size: int) -> float:
        """Leave the batch's gradient in the network, made of parts of that size; returns the loss."""
        import torch

        weighted = self._params.class_weights == "balanced"
        counts = torch.from_numpy(self._task.balance(rows) if weighted else np.ones(len(rows), np.float32))
        codes = torch.from_numpy(self._task.codes[rows])
        self.module.zero_grad()
        total = 0.0
        for part in _parts(np.arange(len(rows)), size):
            with self._arithmetic():
                out = self.module(self._batch(pixels[part])).float()
            losses = torch.nn.functional.cross_entropy(out, codes[part].to(self.device), reduction="none")
            loss = (losses * counts[part].to(self.device)).sum() / len(rows)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
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
        return f"fold {self._place[0] + 1} of {self._place[1]}: {what}" if self._place[1] > 1 else what


class Checkpoints:
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


def _minutes(seconds: float) -> str:
    """How long all passes take at most; training may end before."""
    return f"at most {seconds / 60:.0f} min left" if seconds >= 60 else f"at most {max(seconds, 0):.0f} s left"
