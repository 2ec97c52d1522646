"""From image files to vectors: threads read and prepare pictures while the engine embeds those before.

Memory does not grow with the number of images: a batch of prepared pictures waits per lane, and one more, and vectors
leave as they are made. On a CPU each core embeds a batch of its own: two threads on one batch wait for each other,
which took twice the time (ResNet18, 2 cores, other work on the machine).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array, Progress, silent
from ..base.memory import tried
from ..base.threads import cores
from ..images.reading import Region, UnreadableImage, in_order, ranges_at, read_image
from .models.base import Engine

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[float, float, float, float]
Rows = list[tuple[int, "Array | UnreadableImage"]]


@dataclass(frozen=True)
class Source:
    """An image file and the pictures wanted of it; it is decoded once for all of them.

    Attributes:
        path: image file.
        rows: where the vector of each picture belongs.
        boxes: None for one picture, the whole image; else one box per row: left, top, right and bottom as shares of
            the upright image's width and height. What lies outside the image is cut off; one pixel at least is left.
    """

    path: str
    rows: tuple[int, ...]
    boxes: tuple[Box, ...] | None = None


def embed_stream(
    engine: Engine, sources: Iterable[Source], *, batch_size: int | None = None, workers: int | None = None
) -> Generator[tuple[int, Array | UnreadableImage], None, None]:
    """The rows of `embed_batches` one by one. Close it to end its threads before its end."""
    with closing(embed_batches(engine, sources, batch_size=batch_size, workers=workers)) as found:
        for batch in found:
            yield from batch


def embed_batches(
    engine: Engine, sources: Iterable[Source], *, batch_size: int | None = None, workers: int | None = None
) -> Generator[Rows, None, None]:
    """Embed pictures in batches, in the order of their sources. Close it to end its threads before its end.

    A batch that does not fit the memory is halved until it does, and later ones stay as small. Which pictures come
    together depends only on those since the last batch: who goes on after any batch gets the same vectors to the bit.

    Args:
        engine: has learned, or been restored, where it learns at all.
        sources: read as they are needed, never all at once.
        batch_size: pictures embedded at once; as many as suit the engine when None.
        workers: reading threads; one per core when None.

    Yields:
        rows with their (dim,) float32 vectors, or why their file cannot be read
    """
    workers = workers or cores()
    batches = _Batches(engine, batch_size or engine.batch)
    with ExitStack() as stack:
        lanes = stack.enter_context(engine.lanes())
        ahead = max(8 * workers, (lanes + 1) * batches.size)
        reading = in_order(lambda source: (source, _pictures(engine, source)), sources, workers, ahead)
        gathered = _gathered(stack.enter_context(closing(reading)), batches)
        yield from stack.enter_context(closing(in_order(batches.embedded, gathered, lanes, lanes + 1)))


def _gathered(reading: Iterable[tuple[Source, list[Array] | UnreadableImage]], batches: _Batches) -> Iterator[Rows]:
    """Rows with what was read for them, as soon as they hold a batch's number of pictures."""
    waiting: Rows = []
    pictures = 0
    for source, found in reading:
        if isinstance(found, UnreadableImage):
            waiting += [(row, found) for row in source.rows]
        else:
            waiting += zip(source.rows, found, strict=True)
            pictures += len(found)
        if pictures >= batches.size:
            yield waiting
            waiting, pictures = [], 0
    if waiting:
        yield waiting


def learn(
    engine: Engine,
    sources: Sequence[Source],
    seed: int,
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> None:
    """Let the engine learn from pictures of the set, where it wants to: `engine.learns_from`, chosen by the seed."""
    if not engine.learns_from:
        return
    chosen = list(sources)
    if len(chosen) > engine.learns_from:
        rows = np.random.default_rng(seed).choice(len(chosen), engine.learns_from, replace=False)
        chosen = [chosen[row] for row in np.sort(rows)]
    engine.learn(_Prepared(engine, chosen, engine.batch, workers or cores()), seed, progress)


@dataclass(frozen=True)
class _Prepared:
    """The readable ones among some pictures, prepared, in batches; see `Pictures`."""

    engine: Engine
    sources: Sequence[Source]
    batch_size: int
    workers: int

    def __len__(self) -> int:
        return sum(len(source.rows) for source in self.sources)

    def __iter__(self) -> Iterator[Array]:
        waiting: list[Array] = []
        with closing(in_order(lambda source: _pictures(self.engine, source), self.sources, self.workers)) as reading:
            for found in reading:
                waiting += [] if isinstance(found, UnreadableImage) else found
                while len(waiting) >= self.batch_size:
                    yield np.stack(waiting[: self.batch_size])
                    del waiting[: self.batch_size]
        if waiting:
            yield np.stack(waiting)


class _Batches:
    """How many pictures the engine is given at once: what was asked for, as far as the memory reaches."""

    def __init__(self, engine: Engine, size: int) -> None:
        self._engine = engine
        self.size = size

    def embedded(self, waiting: Rows) -> Rows:
        """The same rows in the same order, each picture turned into its vector."""
        vectors = self._embed([item for _, item in waiting if not isinstance(item, UnreadableImage)])
        return [(row, item if isinstance(item, UnreadableImage) else next(vectors)) for row, item in waiting]

    def _embed(self, pictures: list[Array]) -> Iterator[Array]:
        start = 0
        while start < len(pictures):
            shape = pictures[start].shape  # most engines make all pictures one size
            part = list(takewhile(lambda picture: picture.shape == shape, pictures[start : start + self.size]))  # noqa: B023
            vectors = tried(lambda: self._engine.embed(np.stack(part)), len(part))  # noqa: B023
            if vectors is None:
                self.size = len(part) // 2
                continue
            yield from vectors
            start += len(part)


def _pictures(engine: Engine, source: Source) -> list[Array] | UnreadableImage:
    """The source's pictures, each prepared for the engine."""
    decoded: dict[tuple[int, int], Image] = {}
    try:
        if source.boxes is None:
            return [engine.prepare(read_image(source.path, engine.enough))]
        regions = [Region(source.path, box, ranges_at(source.path)) for box in source.boxes]
        return [engine.prepare(read_image(region, engine.enough, decoded)) for region in regions]
    except UnreadableImage as error:
        return error
