"""Embeddings that were made elsewhere, read from a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.columns import Column, Columns, Vector
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import ParamError, param
from ..base.shared_params import StoreParams
from .models.catalog import ENGINES as ENGINES
from .models.catalog import open_engine as open_engine
from .order_proof import check_order
from .vector_files import Vectors, ids_file, match, read_vectors

LOOKED_INTO = 100_000_000  # bytes of files that a form looks into
NAMED = 3  # names that a form gives of what is left over


@dataclass(frozen=True, kw_only=True)
class ImportEmbeddingsParams(StoreParams):
    """Import vectors made by another tool, from an NPZ, NPY or Parquet file."""

    path: str = param(
        help="NPZ, Parquet or CSV file with vectors and image paths, file names, addresses or ids; NPY with these "
        "beside it, one a line in <name>.ids.txt, or as clip-retrieval writes them; or a folder of such files",
        path="file",
    )
    by_order: bool = param(
        False, "Match by order, row i to sample i; only for files that name no images", advanced=True
    )


def import_embeddings(inputs: Inputs, params: ImportEmbeddingsParams, progress: Progress) -> Columns:
    """Give each image its vector from a file: by id, by path, or by a file name that is unique; by order if told so.

    An order is held against the images (`order_proof.py`), and refused where they contradict it.

    Returns:
        "": (n, d) float32; rows of NaN where the file has no usable vector.
        error: (n,) one sentence where that is so, else None.
    """
    progress(0, inputs.n, "reading vectors")
    path = str(Path(params.path).expanduser())
    given = read_vectors(path)
    found, matching = _matched(inputs, params, path, given)
    if params.by_order:
        matching |= _held_against(inputs.paths, path, given, progress)
    usable = np.asarray(np.isfinite(given.embeddings).all(axis=1))
    good = (found >= 0) & usable[found]
    if not good.any():
        raise ParamError(
            f"ImportEmbeddingsParams.path must hold a vector for at least one sample; of {path!r} "
            f"{int((found >= 0).sum()):,} paths match (the first is {_first_name(given)!r}) and "
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
        "headline": f"{count:,} of {inputs.n:,} images have a vector in {Path(path).name}, matched by {_by(matching)}",
    }
    progress(inputs.n, inputs.n, "reading vectors")
    return Columns({"": vectors, "error": errors}, facts)


def look_before(inputs: Inputs, params: ImportEmbeddingsParams) -> str | None:
    """How many images would get a vector and by what, and what would be left over; or why the file cannot be taken.

    Nothing is said of files above 100 MB: a form must not wait for them.
    """
    path = Path(params.path).expanduser()
    try:
        files = [one for one in path.iterdir() if one.is_file()] if path.is_dir() else [path]
        if sum(one.stat().st_size for one in files if one.is_file()) > LOOKED_INTO:
            return None
        found, matching = _matched(inputs, params, str(path), read_vectors(str(path)))
    except (ParamError, OSError) as error:
        return str(error).removeprefix("ImportEmbeddingsParams.")
    if params.by_order:
        return f"Row i of {path.name} would be image i, for {inputs.n:,} images; the run holds that against the images"
    missing = np.flatnonzero(found < 0)
    said = f"{inputs.n - len(missing):,} of {inputs.n:,} images match by {_by(matching)}"
    for count, names, what in (
        (matching["vectors_unused"], matching["vectors_unused_first"][:NAMED], "vectors left over"),
        (len(missing), [Path(inputs.paths[row]).name for row in missing[:NAMED].tolist()], "images without one"),
    ):
        said += f"; {what}: {count:,} ({', '.join(names)}{', ...' if count > NAMED else ''})" if count else ""
    return said


def _matched(inputs: Inputs, params: ImportEmbeddingsParams, path: str, given: Vectors) -> tuple[Array, Facts]:
    """(n,) int64 row of the file for each image, -1 for none; and by what.

    Raises:
        ParamError: nothing says whose the vectors are, or their number is another than the order needs.
    """
    if params.by_order:
        if len(given.embeddings) != inputs.n:
            raise ParamError(
                f"ImportEmbeddingsParams.path must hold one vector per sample ({inputs.n:,}) to be matched by order; "
                f"got {len(given.embeddings):,} in {path!r}"
            )
        return np.arange(inputs.n), {"matched_by": "order", "matched_by_name_only": 0, "vectors_unused": 0}
    if given.paths or given.ids or given.names:
        return match(inputs.ids, inputs.paths, given)
    raise ParamError(
        f"{path!r} names no images, in it or beside it, so nothing says whose its {len(given.embeddings):,} "
        f"vectors are; name them in {Path(path).stem}.ids.txt, or set by_order=True if row i is image i "
        f"({inputs.n:,} samples)"
    )


def _held_against(paths: Sequence[str], path: str, given: Vectors, progress: Progress) -> Facts:
    """What the images say of row i being image i.

    Raises:
        ParamError: another order fits the images clearly better.
    """
    proof = check_order(given.embeddings, paths, progress)
    if proof.better:
        raise ParamError(
            f"ImportEmbeddingsParams.by_order is contradicted by the images: neighbors among the vectors in {path!r} "
            f"look more alike when its rows are the images {proof.better} (cosine {proof.its_likeness:.2f}) than in "
            f"the order of the samples ({proof.likeness:.2f}); name the images in {ids_file(path).name}, one a line"
        )
    return {
        "order_confirmed": proof.holds,
        "order_checked": proof.checked,
        "order_likeness": None if math.isnan(proof.likeness) else proof.likeness,
        "order_likeness_by_chance": None if math.isnan(proof.by_chance) else proof.by_chance,
    }


def _by(matching: Facts) -> str:
    """By what the vectors found their images, in words."""
    if matching["matched_by"] == "order":
        return "order, which the images " + (
            "confirm" if matching["order_confirmed"] else "neither confirm nor contradict"
        )
    by, count, column = matching["matched_by"], matching["matched_by_name_only"], matching.get("matched_in")
    names = f", {count:,} of them by file name only" if count else ""
    return str(by) + (f" in {column!r}" if column else "") + names


def _first_name(given: Vectors) -> str:
    columns = [given.paths, given.ids, *given.names.values()]
    return next((str(column[0]) for column in columns if column), "none")


METHOD = Method(
    name="import_embeddings",
    version=1,
    label="Import embeddings",
    stage="understand",
    key="embeddings",
    params=ImportEmbeddingsParams,
    run=import_embeddings,
    notice=look_before,
    reads=("paths",),
    on_all_rows=True,
    writes=(
        Column("", Vector, "The image as a vector made by another tool"),
        Column("error", str, "Why the image has no vector", optional=True, role="problem"),
    ),
)
