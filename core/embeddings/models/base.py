"""What an embedding engine is: it prepares one picture, embeds a batch, and says what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from ...base.arrays import Array, Facts, Progress
from ...base.errors import ModelError
from .here import Known

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Request:
    """Which engine is wanted, and where.

    Attributes:
        model: the engine's name with its variant, such as `open_clip:ViT-B-32/laion2b_s34b_b79k`.
        weights: local checkpoint, a file or a folder; None looks in the library's cache.
        allow_download: fetch weights that are not on this machine.
        device: "auto", "cpu" or "cuda".
        precision: "auto", "fp32" or "bf16".
        epochs: passes over the images, for engines that train.
        folder: where an engine may keep what it trained; None where nothing can be kept.
    """

    model: str
    weights: str | None = None
    allow_download: bool = False
    device: str = "auto"
    precision: str = "auto"
    epochs: int = 20
    folder: str | None = None

    @property
    def variant(self) -> str:
        """What follows the engine's name: `ViT-B-32/laion2b_s34b_b79k`."""
        return self.model.partition(":")[2]

    def refuse_variant(self) -> None:
        """For engines of one kind only.

        Raises:
            ParamError: something follows the engine's name.
        """
        name = self.model.partition(":")[0]
        if self.model != name:
            raise ModelError("model", f"must be {name} alone, which has no variants", repr(self.model))


@dataclass(frozen=True)
class Entry:
    """An engine in the catalog, and its row in the README's table.

    Attributes:
        name: first word of its models' names.
        models: some that forms suggest.
        open: makes the engine, its weights loaded; raises ParamError where it cannot.
        dim: length of its vectors.
        licence: of its weights.
        size: of its weights.
        good_at: what to choose it for.
        here: those of its models that are on this machine and may be chosen without being named.
        fetches: its weights come over the network where they are not on this machine.
        strength: of its models, as `Known.strength`, where they do not say their own.
    """

    name: str
    models: tuple[str, ...]
    open: Callable[[Request], Engine]
    dim: str
    licence: str
    size: str
    good_at: str
    here: Callable[[], list[Known]] = list
    strength: float = 0.0
    fetches: bool = False


class Pictures(Protocol):
    """Pictures to learn from. Every iteration reads them again, in batches (b, ...) of what `prepare` makes of them."""

    def __len__(self) -> int:
        """How many there are, the unreadable ones included."""
        ...

    def __iter__(self) -> Iterator[Array]: ...


class Engine(Protocol):
    """Turns pictures into vectors. A new engine is one file with one of these, and a line in `catalog.ENGINES`.

    Attributes:
        dim: length of the vectors.
        enough: pixels that `prepare` needs on the shorter side, so that larger files can be decoded faster.
        batch: pictures that it embeds at once where nobody says how many.
        learns_from: pictures of the set itself that the engine wants to `learn` from before it embeds the first;
            0 where its weights say all.
    """

    dim: int
    enough: int
    batch: int = 64
    learns_from: int = 0

    def prepare(self, image: Image) -> Array:
        """One RGB picture → the array that `embed` takes a batch of. Called in the reading threads."""
        ...

    def embed(self, batch: Array) -> Array:
        """(b, ...) prepared pictures → (b, dim) float32."""
        ...

    def lanes(self) -> AbstractContextManager[int]:
        """Entered while pictures are embedded: how many batches `embed` takes at the same time, from threads."""
        return nullcontext(1)

    def learn(self, pictures: Pictures, seed: int, progress: Progress) -> None:
        """Learn what `embed` needs to know about the set; `seed` is that of everything random."""

    def state(self) -> dict[str, Array]:
        """What was learned, as small arrays, so that pictures can join later or elsewhere; nothing by default."""
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on with what `state` gave, instead of learning."""

    def describe(self) -> Facts:
        """For the run record: `model`, `weights`, `weights_hash`, `device`, `precision`, `text` (it can embed text)."""
        ...


@runtime_checkable
class TextEngine(Engine, Protocol):
    """An engine whose text encoder shares its space: CLIP and its kin.

    Attributes:
        logit_scale: what the model multiplies cosines by before its softmax; 1 / temperature.
    """

    logit_scale: float

    def embed_text(self, texts: list[str]) -> Array:
        """(m,) texts → (m, dim) float32 of unit length."""
        ...

    def cut_short(self, texts: list[str]) -> list[bool]:
        """Whether each text is longer than the encoder reads; the rest of it says nothing."""
        ...


def unit_rows(x: Array) -> Array:
    """(n, d) → float32 rows of length one; zero rows stay zero."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(length > 0, length, 1.0), dtype=np.float32)
