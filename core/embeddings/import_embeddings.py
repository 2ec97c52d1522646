"""Embeddings that were made elsewhere, read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.arrays import Facts, Progress
from ..base.columns import Column, Columns, Vector
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import ParamError, param
from ..base.shared_params import StoreParams
from .models.catalog import ENGINES as ENGINES
from .models.catalog import open_engine as open_engine
from .vector_files import match, read_vectors


@dataclass(frozen=True, kw_only=True)
class ImportEmbeddingsParams(StoreParams):
    """Import vectors made by another tool, from an NPZ, NPY or Parquet file."""

    path: str = param(
        help="NPZ with arrays embeddings and image_paths; Parquet with columns embedding and image_path; or NPY, "
        "with a path or sample id per line in <name>.ids.txt beside it, or in the order of the samples",
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
    name="import_embeddings",
    version=1,
    label="Import embeddings",
    stage="understand",
    key="embeddings",
    params=ImportEmbeddingsParams,
    run=import_embeddings,
    reads=("paths",),
    on_all_rows=True,
    writes=(
        Column("", Vector, "The image as a vector made by another tool"),
        Column("error", str, "Why the image has no vector", optional=True, role="problem"),
    ),
)
