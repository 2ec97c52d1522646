"""Turn pictures into vectors that everything else compares: with a network, or with a descriptor that needs none."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .distributed import ray_batches
from .embedding_pipeline import Source, embed_stream, learn
from .engines.base import Engine, Request
from .engines.catalog import ENGINES as ENGINES
from .engines.catalog import open_engine as open_engine
from .images import UnreadableImage
from .method import Array, Column, Columns, Facts, Inputs, Method, Progress, Vector
from .objects import ObjectParams
from .params import ParamError, Params, param
from .vector_files import match, read_vectors

MODELS = tuple(model for entry in ENGINES.values() for model in entry.models)


@dataclass(frozen=True, kw_only=True)
class EmbeddingsParams(ObjectParams):
    """Turn every image into a vector, so that alike images lie close together."""

    model: str = param(
        "descriptor",
        "What makes the vectors: the built-in descriptor, open_clip:<model>/<weights>, or another engine that the "
        "README lists",
        suggest=MODELS,
    )
    weights: str | None = param(
        None, "Checkpoint on this machine, a file or a folder; without it the library's cache is searched", path="file"
    )
    allow_download: bool = param(False, "Fetch weights that are not on this machine from the network")
    batch_size: int | None = param(
        None, "Images embedded at once; as many as suit the model and its memory if empty", at_least=1, advanced=True
    )
    device: str = param("auto", "Where the model runs", among=("auto", "cpu", "cuda"), advanced=True)
    precision: str = param(
        "auto",
        "Arithmetic of the model; auto takes bf16 where the hardware has it",
        among=("auto", "fp32", "bf16"),
        advanced=True,
    )
    workers: int | None = param(None, "Threads that read images; one per core if empty", at_least=1, advanced=True)
    epochs: int = param(20, "Passes over the images with barlow_twins, which trains on them", at_least=1, advanced=True)
    seed: int = param(51, "Seed of what an engine learns from the set", at_least=0, advanced=True)
    distributed: str = param(
        "none",
        "On this machine, or on a Ray cluster: the one that RAY_ADDRESS names, or one that is made on this machine",
        among=("none", "ray"),
        advanced=True,
    )
    shards: str | None = param(
        None,
        "With Ray: a folder that all its machines see, for what they have made; beside the dataset if empty",
        path="folder",
        advanced=True,
    )


def compute_embeddings(inputs: Inputs, params: EmbeddingsParams, progress: Progress) -> Columns:
    """Embed the images at `inputs.paths`.

    Returns:
        "": (n, d) float32; rows of NaN where the image cannot be read.
        error: (n,) one sentence where the image cannot be read, else None.
    """
    progress(0, inputs.n, f"loading {params.model}")
    request = Request(
        params.model,
        params.weights,
        params.allow_download,
        params.device,
        params.precision,
        params.epochs,
        inputs.folder,
    )
    engine = open_engine(request)
    started, cluster = time.perf_counter(), Facts()
    vectors, errors = _embed_files(engine, request, inputs, params, cluster, progress)
    seconds = time.perf_counter() - started
    unreadable = [error for error in errors if error is not None]
    embedded = inputs.n - len(unreadable)
    facts: Facts = {
        **engine.describe(),
        **cluster,
        "dim": engine.dim,
        "embedded": embedded,
        "images_per_second": round(inputs.n / max(seconds, 1e-9), 1),
        "unreadable": len(unreadable),
        "unreadable_first": unreadable[:5],
        "headline": f"{embedded:,} images embedded in {engine.dim} dimensions by {params.model}"
        + (f"; {len(unreadable):,} cannot be read" if unreadable else ""),
    }
    return Columns({"": vectors, "error": errors}, facts)


def _embed_files(
    engine: Engine, request: Request, inputs: Inputs, params: EmbeddingsParams, cluster: Facts, progress: Progress
) -> tuple[Array, list[str | None]]:
    """(n, dim) vectors, NaN where a file cannot be read, and the sentence why."""
    paths = inputs.paths
    sources = [Source(path, (row,)) for row, path in enumerate(paths)]
    learn(engine, sources, params.seed, workers=params.workers, progress=progress)
    errors: list[str | None] = [None] * len(paths)
    vectors = np.full((len(paths), engine.dim), np.nan, dtype=np.float32)
    stream = embed_stream(engine, sources, batch_size=params.batch_size, workers=params.workers)
    if params.distributed == "ray":
        folder = params.shards or inputs.folder or tempfile.gettempdir()
        parts = ray_batches(engine, request, sources, folder, batch_size=params.batch_size, facts=cluster)
        stream = (row for part in parts for row in part)
    with closing(stream):  # an interruption ends its threads
        for done, (row, found) in enumerate(stream, start=1):
            if isinstance(found, UnreadableImage):
                errors[row] = str(found)
            else:
                vectors[row] = found
            if done % (params.batch_size or engine.batch) == 0 or done == len(paths):
                progress(done, len(paths), "embedding images")
    return vectors, errors


@dataclass(frozen=True, kw_only=True)
class ImportEmbeddingsParams(Params):
    """Take vectors that another tool made, from an NPZ, NPY or Parquet file."""

    path: str = param(
        help="NPZ with arrays embeddings and image_paths; Parquet with columns embedding and image_path; or NPY, "
        "with a path or sample id per line in <name>.ids.txt beside it, or else in the order of the samples",
        path="file",
    )


def import_embeddings(inputs: Inputs, params: ImportEmbeddingsParams, progress: Progress) -> Columns:
    """Give each image its vector from a file: by id, by path, by a file name that is unique, or, without any, by order.

    Returns:
        "": (n, d) float32; rows of NaN where the file has no usable vector.
        error: (n,) one sentence where that is so, else None.
    """
    progress(0, inputs.n, "reading vectors")
    path = str(Path(params.path).expanduser())
    given = read_vectors(path)
    if given.paths or given.ids:
        found, matching = match(inputs.ids, inputs.paths, given)
    elif len(given.embeddings) == inputs.n:
        found, matching = np.arange(inputs.n), {"matched_by": "order", "matched_by_name_only": 0, "vectors_unused": 0}
    else:
        raise ParamError(
            f"ImportEmbeddingsParams.path must hold one vector per sample ({inputs.n:,}) where it names no images; "
            f"got {len(given.embeddings):,} in {path!r}"
        )
    usable = np.asarray(np.isfinite(given.embeddings).all(axis=1))
    good = (found >= 0) & usable[found]
    if not good.any():
        raise ParamError(
            f"ImportEmbeddingsParams.path must hold a vector for at least one sample; of {path!r} "
            f"{int((found >= 0).sum()):,} paths match (the first is {(given.paths or given.ids or ['none'])[0]!r}) and "
            f"{int((~usable).sum()):,} of {len(usable):,} vectors hold NaN or infinite numbers"
        )
    vectors = np.full((inputs.n, given.embeddings.shape[1]), np.nan, dtype=np.float32)
    vectors[good] = given.embeddings[found[good]]
    why = {-1: f"{Path(path).name} names no such image", 0: f"its vector in {Path(path).name} holds NaN or infinity"}
    errors = [None if ok else why[min(int(row), 0)] for ok, row in zip(good, found, strict=True)]
    count = int(good.sum())
    facts: Facts = {
        "model": None,
        "weights": path,
        "weights_hash": None,
        "text": False,
        "dim": int(given.embeddings.shape[1]),
        **matching,
        "matched": count,
        "samples_without_vector": inputs.n - count,
        "samples_without_vector_first": [inputs.paths[row] for row in np.flatnonzero(~good)[:5]],
        "not_finite": int((~usable).sum()),
        "headline": f"{count:,} of {inputs.n:,} images have a vector in {Path(path).name}",
    }
    progress(inputs.n, inputs.n, "reading vectors")
    return Columns({"": vectors, "error": errors}, facts)


METHOD = Method(
    name="compute_embeddings",
    version=2,
    label="Compute embeddings",
    stage="understand",
    key="embeddings",
    params=EmbeddingsParams,
    run=compute_embeddings,
    reads=("paths",),
    writes=(
        Column("", Vector, "The image as a vector; alike images have vectors in like directions"),
        Column("error", str, "Why the image could not be read", optional=True),
    ),
    cite="Dalal & Triggs 2005, https://doi.org/10.1109/CVPR.2005.177 (descriptor); "
    "Radford et al. 2021, arXiv:2103.00020 (CLIP); He et al. 2016, arXiv:1512.03385 (ResNet)",
    why_now="Nearly everything here compares images by their embeddings, so they come first.",
)

IMPORT_METHOD = Method(
    name="import_embeddings",
    version=1,
    label="Import embeddings",
    stage="understand",
    key="embeddings",
    params=ImportEmbeddingsParams,
    run=import_embeddings,
    reads=("paths",),
    writes=(
        Column("", Vector, "The image as a vector that another tool made"),
        Column("error", str, "Why the image has no vector", optional=True),
    ),
)
