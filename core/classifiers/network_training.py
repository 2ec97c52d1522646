"""The training of one network on pictures: its last layer on frozen features, then all layers, with checkpoints.

Frozen, the last layer is the best linear one on the network's features (`core/probes/logistic.py`), which are computed
once. Then all layers learn, the early ones slowly, on pictures that are cropped, mirrored and brightened at random,
until the loss on rows set aside has not fallen for a while. A batch that does not fit the memory is learned from in
parts. AdamW: Loshchilov & Hutter 2019, arXiv:1711.05101.

Letters: m rows, C classes, K features, s pixels a side.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.errors import asked_by
from ..base.memory import onto, tried
from ..base.params import ParamError
from ..probes.logistic import PENALTIES, Design, log_loss, softmax, solve
from .checkpoints import Checkpoints, Trained
from .networks import Frame, build, last_linear
from .task import Task

if TYPE_CHECKING:
    from .finetune_params import FinetuneParams

DECAY = 0.02  # of weights, per step and learning rate; none of biases and of what normalises
TRUNK = 0.1  # learning rate of the pretrained layers, relative to the last one's
WARM = 0.1  # share of the steps in which the learning rate rises
BRIGHTNESS = (0.8, 1.25)

T = TypeVar("T")


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
        self._augment = augmentation(frame.side)
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
        steps = math.ceil(len(rows) / self._params.batch_size)
        optimizer = adamw(self.module, self.head, self._params)
        if trained.optimizer:
            optimizer.load_state_dict(trained.optimizer)
        schedule = warm_up_and_cosine(optimizer, trained.epoch * steps, self._params.epochs * steps)
        while trained.epoch < self._params.epochs:
            if len(aside) and trained.epoch - trained.best["epoch"] >= self._params.patience:
                break
            loss = self._epoch(rows, trained.epoch, optimizer, schedule, progress)
            trained.epoch += 1
            trained.optimizer = optimizer.state_dict()
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
        return self._as_fits(partial(self._looked_at, rows), len(rows))

    def _looked_at(self, rows: Array, size: int) -> tuple[Array, Array]:
        """`_forward`, so many pictures at once."""
        import torch

        given: list[Array] = [np.zeros((0, self.head.in_features), np.float32)]
        logits: list[Array] = [np.zeros((0, len(self._task.names)), np.float32)]
        hook = self.head.register_forward_pre_hook(
            lambda _, x: given.append(x[0].float().cpu().numpy().reshape(-1, self.head.in_features))
        )
        try:
            with torch.inference_mode(), self._arithmetic():
                batches = (self._batch(self._middle(part)) for part in _parts(rows, size))
                logits.extend(self.module(batch).float().cpu().numpy() for batch in batches)
        finally:
            hook.remove()
        return np.concatenate(logits), np.concatenate(given)

    def _as_fits(self, work: Callable[[int], T], pictures: int) -> T:
        """`work(size)` with as many pictures at once as the memory holds; later calls begin with as many."""
        while True:
            size = max(1, min(self._micro, pictures))
            found = tried(partial(work, size), size)
            if found is not None:
                return found
            self._micro = size // 2

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

    def _epoch(self, rows: Array, epoch: int, optimizer: Any, schedule: Any, progress: Progress) -> float:
        """One pass in random order; returns its mean loss."""
        import torch

        params = self._params
        torch.manual_seed(params.seed + epoch)  # of crops and dropout: a run that goes on draws what it would have
        order = np.random.default_rng([params.seed, epoch]).permutation(rows)
        parts = list(_parts(order, params.batch_size))
        all_steps = len(parts) * params.epochs
        self.module.train()
        if params.pretrained:
            _keep_statistics(self.module)
        total = 0.0
        began = time.monotonic()
        for step, part in enumerate(parts):
            if len(part) > 1 or params.pretrained:  # one picture alone has no statistics to normalise by
                pixels = self._varied(part) if params.augment else self._middle(part)
                total += self._as_fits(partial(self._slopes, pixels, part), len(part)) * len(part)
                optimizer.step()
            schedule.step()
            at = epoch * len(parts) + step
            each = (time.monotonic() - began) / (step + 1)
            left = _minutes(each * (all_steps * (self._place[1] - self._place[0]) - at - 1))
            said = f"pass {epoch + 1} of {params.epochs}, loss {total / ((step + 1) * params.batch_size):.3f}"
            progress(at + 1, all_steps, self._doing(f"{said}, {left}"))
        return total / len(rows)

    def _slopes(self, pixels: Any, rows: Array, size: int) -> float:
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

    def _whole(self, rows: Array) -> Any:
        """(m, 3, s + room, s + room) uint8 tensor."""
        import torch

        return torch.from_numpy(np.asarray(self._pictures[rows])).permute(0, 3, 1, 2)

    def _middle(self, rows: Array) -> Any:
        """(m, 3, s, s) uint8 tensor, the middle of each picture."""
        left = (self._frame.resize - self._frame.side) // 2
        inside = slice(left, left + self._frame.side)
        return self._whole(rows)[:, :, inside, inside]

    def _varied(self, rows: Array) -> Any:
        """(m, 3, s, s) uint8 tensor, each picture varied on its own."""
        import torch

        return torch.stack([self._augment(picture) for picture in self._whole(rows)])

    def _batch(self, pixels: Any) -> Any:
        from torchvision.transforms.v2 import functional

        x = pixels.to(self.device).float() / 255
        return functional.normalize(x, self._frame.mean, self._frame.std)

    def _arithmetic(self) -> Any:
        import torch

        return torch.autocast(self.device, torch.bfloat16, enabled=self._half)

    def _doing(self, what: str) -> str:
        return f"fold {self._place[0] + 1} of {self._place[1]}: {what}" if self._place[1] > 1 else what


def augmentation(side: int) -> Any:
    """What varies a picture while a network learns: a random part of it, mirrored or not, a little brighter or darker.

    Returns:
        a function of (3, h, w) uint8 tensors that returns (3, side, side) ones.
    """
    from torchvision.transforms import v2

    return v2.Compose([v2.RandomCrop(side), v2.RandomHorizontalFlip(), v2.ColorJitter(brightness=BRIGHTNESS)])


def adamw(module: Any, head: Any, params: FinetuneParams) -> Any:
    """The optimizer of a network: pretrained layers learn more slowly than its last one, and only weights decay."""
    import torch

    own = {id(part) for part in head.parameters()}
    groups = []
    for last in (True, False):
        rate = params.learning_rate * (1.0 if last or not params.pretrained else TRUNK)
        parts = [part for part in module.parameters() if (id(part) in own) == last]
        for decay, chosen in (
            (DECAY, [part for part in parts if part.ndim > 1]),
            (0.0, [part for part in parts if part.ndim <= 1]),
        ):
            groups.append({"params": chosen, "lr": rate, "initial_lr": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups)


def warm_up_and_cosine(optimizer: Any, done: int, steps: int) -> Any:
    """The schedule of the learning rate: it rises over the first tenth of the steps, and falls along half a cosine.

    Args:
        done: steps made before, where training goes on.
        steps: in all passes together.
    """
    from torch.optim.lr_scheduler import LambdaLR

    warm = max(int(WARM * steps), 1)

    def share(step: int) -> float:
        return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / max(steps, 1)))

    return LambdaLR(optimizer, share, last_epoch=done - 1)


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
