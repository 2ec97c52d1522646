"""Embedding on many machines: parts of the images go through Ray Data's pool of actors, each with an engine of its own.

An actor writes what it made of a part as a shard, a file in a folder that all machines see, and tells that it is there;
vectors never pass through Ray. An actor or machine that dies is replaced by Ray, and its part is made again. Moritz
et al. 2018, Ray: A Distributed Framework for Emerging AI Applications, arXiv:1712.05889.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..base.arrays import Array, Facts
from ..base.errors import ModelError
from ..images.reading import Region, UnreadableImage, box_of, ranges_at
from .models.base import Engine, Request
from .models.catalog import open_engine
from .pipeline import Source, embed_stream

ROOT = Path(__file__).resolve().parents[2]
PART = 1_024  # files that an actor is given at once
PARTS_EACH = 4  # at least, for each actor, so that none waits long for the last


def ray_batches(
    engine: Engine,
    request: Request,
    sources: Sequence[Source],
    folder: str | Path,
    *,
    batch_size: int | None = None,
    facts: Facts | None = None,
) -> Generator[list[tuple[int, Array | UnreadableImage]], None, None]:
    """Embed pictures on the Ray cluster: the one that RAY_ADDRESS names, one that runs here, or one made for this.

    Args:
        engine: has learned, or been restored; the actors' engines are given its state.
        request: how to open it, on every machine.
        sources: files whose paths every machine can read.
        folder: seen by all machines; gets a folder of shards, which is removed at the end.
        batch_size: pictures embedded at once; as many as suit the engine when None.
        facts: gets `workers` and `machines`.

    Yields:
        the rows of a part, as `embed_stream` gives them; parts in the order in which they are done

    Raises:
        ParamError: Ray is not installed, the folder cannot be written, or the engine is one that only FiftyOne knows.
    """
    if ".core." not in type(engine).__module__:
        raise ModelError(
            "distributed", f"must be none with {request.model}, whose engine other machines do not have", "'ray'"
        )
    shards = Path(folder).expanduser() / f"shards_{uuid.uuid4().hex[:12]}"
    try:
        shards.mkdir(parents=True)
    except OSError as error:
        raise ModelError("shards", "must be a folder that can be written", f"{folder} ({error.strerror})") from None
    try:
        with _cluster() as ray:
            resources, machines = ray.cluster_resources(), len(ray.nodes())
            gpus = int(resources.get("GPU", 0)) if request.device != "cpu" else 0
            actors = max(1, gpus or int(resources.get("CPU", 1)))
            (facts if facts is not None else {}).update(workers=actors, machines=machines)
            parts = _parts(sources, actors)
            done = ray.data.from_items(parts, override_num_blocks=max(1, len(parts))).map_batches(
                _actor(),
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(actors, max(1, len(parts)))),
                fn_constructor_args=(str(ROOT), asdict(request), engine.state(), str(shards), batch_size),
                num_gpus=1 if gpus else 0,
                num_cpus=1,
            )
            for row in done.iter_rows() if parts else ():
                shard = shards / f"{row['part']}.npz"
                yield read_shard(shard)
                shard.unlink()
    finally:
        shutil.rmtree(shards, ignore_errors=True)


def embed_part(engine: Engine, sources: str, shard: Path, batch_size: int | None) -> None:
    """What an actor does: embed a part, and write it complete or not at all."""
    rows, errors, vectors = [], [], []
    for row, found in embed_stream(engine, _unpacked(sources), batch_size=batch_size):
        rows.append(row)
        unreadable = isinstance(found, UnreadableImage)
        errors.append([found.path, found.reason] if isinstance(found, UnreadableImage) else None)
        vectors.append(np.full(engine.dim, np.nan, dtype=np.float32) if unreadable else found)
    unfinished = shard.with_suffix(f".{uuid.uuid4().hex[:8]}.part")
    with unfinished.open("wb") as file:
        np.savez(
            file,
            rows=np.array(rows, dtype=np.int64),
            vectors=np.array(vectors, dtype=np.float32).reshape(len(rows), engine.dim),
            errors=np.array(json.dumps(errors)),
            process=np.array(os.getpid()),
        )
    unfinished.replace(shard)


def read_shard(shard: Path) -> list[tuple[int, Array | UnreadableImage]]:
    """The rows of a part, as `embed_stream` gives them."""
    with np.load(shard, allow_pickle=False) as arrays:
        rows, vectors, errors = arrays["rows"].tolist(), arrays["vectors"], json.loads(str(arrays["errors"]))
    return [
        (row, vector if error is None else UnreadableImage(*error))
        for row, vector, error in zip(rows, vectors, errors, strict=True)
    ]


def _parts(sources: Sequence[Source], actors: int) -> list[dict[str, Any]]:
    """Sources in parts, as plain text: the actors' copy of this package may have another name, or another version."""
    size = min(PART, max(1, -(-len(sources) // (PARTS_EACH * actors))))
    return [
        {
            "part": start // size,
            "sources": json.dumps(
                [
                    [str(one.path), box_of(one.path), ranges_at(one.path), one.rows, one.boxes]
                    for one in sources[start : start + size]
                ]
            ),
        }
        for start in range(0, len(sources), size)
    ]


def _unpacked(sources: str) -> list[Source]:
    return [
        Source(
            path if box is None and not ranges else Region(path, None if box is None else tuple(box), ranges),
            tuple(rows),
            None if boxes is None else tuple(tuple(one) for one in boxes),
        )
        for path, box, ranges, rows, boxes in json.loads(sources)
    ]


def _actor() -> type:
    """The actor's class. Made inside a function, so that Ray sends it whole, instead of the name of this module."""

    class Embedder:
        def __init__(
            self, root: str, request: dict[str, Any], state: dict[str, Any], shards: str, batch_size: int | None
        ) -> None:
            import importlib
            import importlib.util
            import sys

            place = f"{root}/__init__.py"
            spec = importlib.util.spec_from_file_location("image_curation", place, submodule_search_locations=[root])
            if "image_curation" not in sys.modules and os.path.isfile(place) and spec and spec.loader:
                sys.modules["image_curation"] = package = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(package)
            self.core = importlib.import_module("image_curation.core.embeddings.ray_pool")
            self.engine = self.core.opened(request, state)
            self.shards, self.batch_size = Path(shards), batch_size

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            for part, sources in zip(batch["part"].tolist(), batch["sources"].tolist(), strict=True):
                self.core.embed_part(self.engine, sources, self.shards / f"{part}.npz", self.batch_size)
            return {"part": batch["part"]}

    return Embedder


def opened(request: dict[str, Any], state: dict[str, Array]) -> Engine:
    """The engine, on an actor's machine."""
    engine = open_engine(Request(**request))
    if state:
        engine.restore(state)
    return engine


@contextmanager
def _cluster() -> Iterator[Any]:
    """Ray, connected. Left as it was found: a cluster made here ends here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_TQDM_PATCH_PRINT", "0")  # numba cannot compile once Ray has replaced `print`
    try:
        import ray
        import ray.data
    except ImportError:
        raise ModelError(
            "distributed", "must be none here, for Ray is not installed: pip install 'ray[data]'", "'ray'"
        ) from None
    context = ray.data.DataContext.get_current()
    before = context.enable_progress_bars, context.print_on_execution_start
    made = not ray.is_initialized()
    try:
        if made:
            ray.init(log_to_driver=False, logging_level=logging.WARNING)
        context.enable_progress_bars = context.print_on_execution_start = False
        yield ray
    finally:
        context.enable_progress_bars, context.print_on_execution_start = before
        if made:
            ray.shutdown()
