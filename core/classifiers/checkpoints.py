"""The state of a training on disk, after every pass: an interrupted run goes on from its last complete one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.inputs import Inputs

if TYPE_CHECKING:
    from .finetune_params import FinetuneParams


@dataclass
class Trained:
    """State of one fold's training; what a checkpoint holds.

    Attributes:
        epoch: passes done.
        state: the network's tensors.
        optimizer: what AdamW knows of the gradients so far; empty before the first pass.
        best: the state of least loss, that loss and its epoch.
        losses: of each epoch, training and set aside.
    """

    epoch: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    losses: list[dict[str, float | None]] = field(default_factory=list)


class Checkpoints:
    """State on disk after every pass, under a digest of what is learned from what."""

    def __init__(self, inputs: Inputs, params: FinetuneParams) -> None:
        self._path: Path | None = None
        if inputs.folder is not None:
            labels = inputs.labels.codes.tolist() if inputs.labels is not None else []
            text = repr((params.to_dict(), list(inputs.ids or inputs.paths), labels))
            self._path = Path(inputs.folder) / f"finetune-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def load(self, number: int) -> Trained:
        """The state of this fold's training; that of its beginning where no complete checkpoint is there."""
        import torch

        path = self._file(number)
        if path is None or not path.is_file():
            return Trained()
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
            found.pop("moments", None)  # AdamW's, as 0.1.0 wrote them; it gathers its own within some steps
            return Trained(**found)
        except (OSError, RuntimeError, EOFError, ValueError, TypeError):
            return Trained()  # cut short: this fold begins anew

    def save(self, number: int, trained: Trained) -> None:
        """Replace the checkpoint of this fold; the one before stays whole until the new one is."""
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
