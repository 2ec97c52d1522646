"""A ResNet18 that teaches itself on the user's own images: two distorted copies of a picture must get one vector.

Zbontar, Jing, Misra, LeCun & Deny 2021, Barlow Twins: Self-Supervised Learning via Redundancy Reduction,
arXiv:2103.03230. Small on purpose (64 pixels, Adam, a narrow head), so that two cores train it while you have lunch.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...base.arrays import Array, Facts, Progress
from ...base.errors import ModelError, StaleError
from .base import Entry, Pictures, Request
from .preparation import Preparation
from .torch_engine import TorchEngine, hash_of, native_bf16, require
from .torchvision_resnet import fused, headless
from .weights import checkpoint_in, loading, local_path, sha256_of, state_in

SIDE = 64
DIM = 512
HEAD = 512
BATCH = 128
LEAST = 16
MOST = 20_000  # pictures kept in memory while training: 240 MB
RATE = 1e-3
REDUNDANCY = 0.005  # the paper's lambda


class BarlowTwins(TorchEngine):
    """`barlow_twins`: trained at the first run on a set, or with `weights` from an earlier one."""

    def __init__(self, request: Request) -> None:
        request.refuse_variant()
        require("torchvision", "torchvision")
        weights = checkpoint_in(local_path(request.weights)) if request.weights else None
        network = headless("resnet18")
        super().__init__(
            request,
            model="barlow_twins",
            weights=weights,
            network=network,
            preparation=Preparation((SIDE, SIDE), fit="squash"),  # in sets unlike photographs, borders may matter
            dim=DIM,
        )
        self._epochs, self._folder = request.epochs, request.folder
        self._training: Facts = {}
        if weights is None:
            self.learns_from = MOST
            self._hash = None  # what it has now says nothing
            self._training = {"epochs": request.epochs}
        else:
            self._take(weights)

    def learn(self, pictures: Pictures, seed: int, progress: Progress) -> None:
        """Train, unless weights were given or these very pictures have been learned before."""
        if self._weights is None:
            self._train(pictures, seed, progress)
        super().learn(pictures, seed, progress)

    def state(self) -> dict[str, Array]:
        """Where the weights lie, their hash, and the arithmetic."""
        if self._weights is None:
            return super().state()
        where = {"weights": np.array(str(self._weights)), "weights_hash": np.array(self._weights_hash())}
        return {**super().state(), **where}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take the weights of another run.

        Raises:
            ParamError: they are gone, or not what they were.
        """
        if "weights" in state:
            path = local_path(str(state["weights"]))
            if sha256_of(path) != str(state["weights_hash"]):
                raise StaleError(f"The weights that made these embeddings have changed since: {path}; embed all again")
            self._take(path)
        super().restore(state)

    def describe(self) -> Facts:
        """See `Engine`; `loss` is the mean of the last epoch, and `files` are kept beside the dataset."""
        kept = {} if self._weights is None or not self._training else {"files": [str(self._weights)]}
        return {**super().describe(), **self._training, **kept}

    def _take(self, path: Path) -> None:
        network = headless("resnet18")
        with loading("barlow_twins (a ResNet18)", path):
            network.load_state_dict({name: value for name, value in state_in(path).items() if "fc." not in name})
        self._put(network)
        self._weights, self._hash = path, None

    def _put(self, network: Any) -> None:
        import torch

        self._hash = hash_of(network)
        network = fused(network)
        self._network = network.to(self._device, memory_format=torch.channels_last)

    def _train(self, pictures: Pictures, seed: int, progress: Progress) -> None:
        from safetensors.torch import save_file

        batches = list(pictures)
        pixels = np.concatenate(batches) if batches else np.zeros((0, SIDE, SIDE, 3), np.uint8)
        if len(pixels) < LEAST:
            raise ModelError(
                "model",
                f"must not be barlow_twins with fewer than {LEAST} readable images to train on",
                f"{len(pixels)}",
            )
        name = f"barlow_twins-{_digest(pixels, seed, self._epochs)}"
        path = None if self._folder is None else Path(self._folder) / f"{name}.safetensors"
        if path is None or not path.is_file():
            training = Training(pixels, seed, self._epochs, self._device)
            losses = training.run(None if path is None else path.with_suffix(".part"), progress)
            self._training.update(loss=round(losses[-1], 4), first_loss=round(losses[0], 4))
            if path is None:
                self._put(training.network)
                return
            part = path.with_suffix(".new")
            save_file({key: value.contiguous() for key, value in training.network.state_dict().items()}, part)
            part.replace(path)
            path.with_suffix(".part").unlink(missing_ok=True)
        self._take(path)


class Training:
    """Some epochs over pictures held in memory. After each, all that the next one needs is on disk.

    An epoch's order and distortions hang on the seed and the epoch alone, so that a training which was killed ends with
    the weights it would have had.
    """

    def __init__(self, pixels: Array, seed: int, epochs: int, device: str) -> None:
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = headless("resnet18")
            self._head = torch.nn.Sequential(
                torch.nn.Linear(DIM, HEAD, bias=False),
                torch.nn.BatchNorm1d(HEAD),
                torch.nn.ReLU(),
                torch.nn.Linear(HEAD, HEAD, bias=False),
            )
        both: Any = torch.nn.ModuleList([self.network, self._head])
        both.to(device, memory_format=torch.channels_last).train().requires_grad_(True)
        self._both = both
        self._optimizer = torch.optim.AdamW(both.parameters(), lr=RATE, weight_decay=1e-4)
        self._pixels, self._seed, self._epochs, self._device = torch.from_numpy(pixels), seed, epochs, device
        self._batch = min(BATCH, len(pixels))
        self._steps = len(pixels) // self._batch

    def run(self, checkpoint: Path | None, progress: Progress) -> list[float]:
        """Train to the end, from the checkpoint where there is one.

        Returns:
            the mean loss of each epoch.
        """
        import torch

        losses = self._resumed(checkpoint)
        for epoch in range(len(losses), self._epochs):
            random = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
            order = torch.randperm(len(self._pixels), generator=random)
            total = 0.0
            for step in range(self._steps):
                at = epoch * self._steps + step
                last = f", loss {losses[-1]:.1f}" if losses else ""
                progress(at, self._epochs * self._steps, f"training, epoch {epoch + 1} of {self._epochs}{last}")
                self._set_rate(at / (self._epochs * self._steps))
                total += self._step(self._pixels[order[step * self._batch : (step + 1) * self._batch]], random)
            losses.append(total / self._steps)
            self._keep(checkpoint, losses)
        return losses

    def _step(self, pixels: Any, random: Any) -> float:
        import torch

        views = [distorted(pixels, random).to(self._device) for _ in range(2)]
        self._optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self._device, torch.bfloat16, enabled=native_bf16(self._device)):
            one, other = (self._head(self.network(view)) for view in views)
        loss = barlow_loss(one, other)
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def _set_rate(self, share: float) -> None:
        """A tenth of the time warming up, then down along a cosine."""
        rate = share / 0.1 if share < 0.1 else 0.5 * (1 + math.cos(math.pi * (share - 0.1) / 0.9))
        for group in self._optimizer.param_groups:
            group["lr"] = RATE * max(rate, 0.01)

    def _keep(self, checkpoint: Path | None, losses: list[float]) -> None:
        import torch

        if checkpoint is not None:
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            new = checkpoint.with_suffix(".part.new")
            state = {"both": self._both.state_dict(), "optimizer": self._optimizer.state_dict(), "losses": losses}
            torch.save(state, new)
            new.replace(checkpoint)

    def _resumed(self, checkpoint: Path | None) -> list[float]:
        import torch

        if checkpoint is None or not checkpoint.is_file():
            return []
        state = torch.load(checkpoint, map_location=self._device, weights_only=True)
        self._both.load_state_dict(state["both"])
        self._optimizer.load_state_dict(state["optimizer"])
        return list(state["losses"])


def barlow_loss(one: Any, other: Any) -> Any:
    """Sum over i of (1 - c_ii)² + λ · sum over i ≠ j of c_ij², c the correlation of the two views' numbers i and j.

    Args:
        one, other: (b, d) vectors of the two views of the same pictures.
    """
    import torch

    one, other = ((z - z.mean(dim=0)) / (z.std(dim=0, correction=0) + 1e-5) for z in (one.float(), other.float()))
    c = one.T @ other / len(one)
    alike = torch.diagonal(c)
    return (1 - alike).pow(2).sum() + REDUNDANCY * (c.pow(2).sum() - alike.pow(2).sum())


def distorted(pixels: Any, random: Any) -> Any:
    """(b, h, w, 3) uint8 → (b, 3, h, w) float32, normalised: each picture cropped, mirrored, recoloured at random."""
    import torch
    import torch.nn.functional as functional

    b = len(pixels)

    def draw(low: float, high: float) -> Any:
        return low + (high - low) * torch.rand(b, generator=random)

    x = pixels.permute(0, 3, 1, 2).float() / 255
    area, aspect = draw(0.25, 1.0), torch.exp(draw(-0.29, 0.29))
    wide, tall = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    mirror = torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
    zero = torch.zeros(b)
    rows = torch.stack([wide * mirror, zero, draw(-1, 1) * (1 - wide), zero, tall, draw(-1, 1) * (1 - tall)], dim=1)
    grid = functional.affine_grid(rows.view(b, 2, 3), list(x.shape), align_corners=False)
    x = functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    grey = x.mean(dim=1, keepdim=True)
    colour = torch.where(draw(0, 1) < 0.2, zero, draw(0.4, 1.6)).view(b, 1, 1, 1)
    x = grey + (x - grey) * colour
    middle = x.mean(dim=(1, 2, 3), keepdim=True)
    x = middle * draw(0.6, 1.4).view(b, 1, 1, 1) + (x - middle) * draw(0.6, 1.4).view(b, 1, 1, 1)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (Preparation((1, 1)).mean, Preparation((1, 1)).std))
    return ((x.clamp(0, 1) - mean) / std).contiguous(memory_format=torch.channels_last)


def _digest(pixels: Array, seed: int, epochs: int) -> str:
    digest = hashlib.sha256(f"{pixels.shape} {seed} {epochs}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()[:16]


ENTRY = Entry(
    name="barlow_twins",
    models=("barlow_twins",),
    open=BarlowTwins,
    dim="512",
    licence="yours: trained on your images",
    size="45 MB, kept beside the dataset",
    good_at="sets unlike photographs: microscopes, sensors, drawings, a few thousand images or more",
)
