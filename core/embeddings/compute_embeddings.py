"""Turn pictures into vectors that everything else compares: with a network, or with a descriptor that needs none."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns, Vector
from ..base.errors import ModelError, asked_by
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import param
from ..base.shared_params import ObjectParams, StoreParams
from ..images.marks import mark_of
from ..images.ranges import FACT as RANGES
from ..images.reading import Region, UnreadableImage, box_of, ranges_at
from .choose_model import AUTO, Choice, choose
from .models.base import Engine, Request
from .models.catalog import ENGINES as ENGINES
from .models.catalog import explained, licence_of
from .models.catalog import open_engine as open_engine
from .pipeline import Source, embed_batches, learn
from .ray_pool import ray_batches
from .reuse import LEARNED, identity_of, restored
from .vector_files import let_go

KEPT_EVERY = 10.0  # seconds between what is kept for a run that may be killed
KEPT_BYTES = 32 << 20  # or sooner, when so much has been made
MODELS = tuple(model for entry in ENGINES.values() for model in entry.models)


@dataclass(frozen=True, kw_only=True)
class EmbeddingsParams(ObjectParams, StoreParams):
    """Turn every image into a vector, so that similar images have similar vectors."""

    model: str = param(
        AUTO,
        "Model; auto picks the one on this machine that suits these images best, and says why",
        suggest=(AUTO, *MODELS),
        explain=explained,
    )
    weights: str | None = param(
        None, "Checkpoint file or folder on this machine; empty: the library's cache", path="file"
    )
    allow_download: bool = param(False, "Download weights that are not on this machine")
    label_field: str | None = param(
        None,
        "Labels by which auto compares models; empty: the dataset's label field if it has only one",
        reads="guide",
        advanced=True,
    )
    batch_size: int | None = param(
        None, "Images per batch; empty: what suits the model and memory", at_least=1, advanced=True
    )
    device: str = param("auto", "Where the model runs", among=("auto", "cpu", "cuda"), advanced=True)
    precision: str = param(
        "auto",
        "Number format; auto: bf16 where the hardware has it",
        among=("auto", "fp32", "bf16"),
        advanced=True,
    )
    workers: int | None = param(None, "Threads that read images; empty: one per core", at_least=1, advanced=True)
    epochs: int = param(
        20, "For barlow_twins, which trains on your images: passes over them", at_least=1, advanced=True
    )
    seed: int = param(51, "Random seed of models that learn from the images", at_least=0, advanced=True)
    distributed: str = param(
        "none",
        "none: this machine; ray: the Ray cluster in RAY_ADDRESS, or a new one on this machine",
        among=("none", "ray"),
        advanced=True,
    )
    shards: str | None = param(
        None,
        "For Ray: folder for results that all machines see; empty: beside the dataset",
        path="folder",
        advanced=True,
    )
    reuse: bool = param(
        True,
        "Resume an interrupted run; when replacing one, reuse vectors of unchanged images",
        advanced=True,
    )


@asked_by("EmbeddingsParams")
def compute_embeddings(inputs: Inputs, params: EmbeddingsParams, progress: Progress) -> Columns:
    """Embed the images at `inputs.paths`.

    Returns:
        "": (n, d) float32; rows of NaN where the image cannot be read.
        error: (n,) one sentence where the image cannot be read, else None.
    """
    request = Request(
        params.model,
        params.weights,
        params.allow_download,
        params.device,
        params.precision,
        params.epochs,
        inputs.folder,
    )
    choice = _chosen(request, inputs, params, progress) if params.model == AUTO else None
    if choice is not None:
        request = replace(request, model=choice.model)
    progress(0, inputs.n, f"loading {request.model}")
    engine = open_engine(request)
    started, cluster = time.perf_counter(), Facts()
    vectors, errors, reused = _embed_files(engine, request, inputs, params, cluster, progress)
    seconds = time.perf_counter() - started
    unreadable = [error for error in errors if error is not None]
    embedded = inputs.n - len(unreadable)
    ranges = ranges_at(inputs.paths[0]) if inputs.paths else {}
    facts: Facts = {
        **engine.describe(),
        **({RANGES: {kind: list(one) for kind, one in ranges.items()}} if ranges else {}),
        "licence": licence_of(request.model),
        **(choice.facts() if choice is not None else {}),
        **cluster,
        "dim": engine.dim,
        "embedded": embedded - reused,
        "reused": reused,
        "images_per_second": round((inputs.n - reused) / max(seconds, 1e-9), 1),
        "unreadable": len(unreadable),
        "unreadable_first": unreadable[:5],
        "headline": f"{embedded:,} images embedded in {engine.dim} dimensions by {request.model}"
        + (f", {reused:,} of them before" if reused else "")
        + (f"; {len(unreadable):,} cannot be read" if unreadable else "")
        + (f"; {request.model} was chosen: {choice.why}" if choice is not None else ""),
    }
    return Columns({"": vectors, "error": errors}, facts)


def _chosen(request: Request, inputs: Inputs, params: EmbeddingsParams, progress: Progress) -> Choice:
    if request.weights is not None:
        raise ModelError("weights", "must be nothing where model is auto; name the model that they are of")
    before = inputs.kept.model() if inputs.kept is not None and params.reuse else None
    return choose(request, inputs.paths, inputs.named.get("label_field"), params.seed, progress, before)


def _embed_files(
    engine: Engine, request: Request, inputs: Inputs, params: EmbeddingsParams, cluster: Facts, progress: Progress
) -> tuple[Array, list[str | None], int]:
    """(n, dim) vectors, NaN where a file cannot be read, the sentence why, and how many were there already."""
    n, kept = inputs.n, inputs.kept
    errors: list[str | None] = [None] * n
    there = np.zeros(n, dtype=bool)
    marks = [mark_of(path) for path in inputs.paths] if kept is not None else []
    if kept is not None:
        settings = {"version": METHOD.version} | ({"seed": params.seed} if engine.learns_from else {})
        kept.begin(identity_of(engine, settings), params.reuse)
    if kept is None or not engine.learns_from or not restored(engine, kept, n):
        learn(engine, sources_of(inputs.paths, range(n)), params.seed, workers=params.workers, progress=progress)
        if kept is not None and engine.learns_from:
            kept.keep_state({**engine.state(), LEARNED: np.array([n])})
    vectors = np.empty((n, engine.dim), dtype=np.float32) if kept is None else kept.room(n, engine.dim)
    for rows, before in kept.find(marks) if kept is not None else ():
        vectors[rows], there[rows] = before, True
        let_go(vectors)
    made = there.copy()
    missing = sources_of(inputs.paths, np.flatnonzero(~there).tolist())
    done, last, pending = int(there.sum()), time.monotonic(), []
    if params.distributed == "ray" and missing:
        folder = params.shards or inputs.folder or tempfile.gettempdir()
        batches = ray_batches(engine, request, missing, folder, batch_size=params.batch_size, facts=cluster)
    else:
        batches = embed_batches(engine, missing, batch_size=params.batch_size, workers=params.workers)
    with closing(batches):  # an interruption ends its threads
        for batch in batches:
            for row, found in batch:
                if isinstance(found, UnreadableImage):
                    errors[row] = str(found)
                else:
                    vectors[row], made[row] = found, True
                    pending.append(row)
            done += len(batch)
            waited = time.monotonic() - last >= KEPT_EVERY or 4 * len(pending) * engine.dim >= KEPT_BYTES
            if kept is not None and waited:
                kept.add([marks[row] for row in pending], vectors[pending])
                let_go(vectors)
                last, pending = time.monotonic(), []
            progress(done, n, "embedding images")
    if kept is not None:
        kept.add([marks[row] for row in pending], vectors[pending])
        kept.made(marks)
    vectors[~made] = np.nan
    if not missing:
        progress(n, n, "embedding images")
    return vectors, errors, int(there.sum())


def sources_of(paths: Sequence[str], rows: Iterable[int]) -> list[Source]:
    """The files of these rows; regions that follow each other in one file are read together."""
    sources = []
    for (path, whole), group in groupby(rows, key=lambda row: (str(paths[row]), box_of(paths[row]) is None)):
        same = tuple(group)
        path = Region(path, None, ranges) if (ranges := ranges_at(paths[same[0]])) else path
        boxes = tuple(box for row in same if (box := box_of(paths[row])) is not None)
        sources += [Source(path, (row,)) for row in same] if whole else [Source(path, same, boxes)]
    return sources


METHOD = Method(
    name="compute_embeddings",
    version=3,
    label="Compute embeddings",
    stage="understand",
    key="embeddings",
    params=EmbeddingsParams,
    run=compute_embeddings,
    reads=("paths",),
    on_all_rows=True,
    writes=(
        Column("", Vector, "The image as a vector; similar images have similar vectors"),
        Column("error", str, "Why the image could not be read", optional=True, role="problem"),
    ),
    cite="Dalal & Triggs 2005, https://doi.org/10.1109/CVPR.2005.177 (descriptor); "
    "Radford et al. 2021, arXiv:2103.00020 (CLIP); He et al. 2016, arXiv:1512.03385 (ResNet)",
    holds_from=lambda params: 3 if params.get("model") == "descriptor" else 1,  # whose mirrored pictures lie close now
    why_now="Nearly everything here compares images by their embeddings, so they come first.",
)
