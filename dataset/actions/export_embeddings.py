"""Embeddings as a file for other tools, as `import_embeddings` reads it: NPZ, Parquet, or NPY with a list of paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo

from ...core.base.arrays import Progress
from ...core.base.params import param
from ...core.base.shared_params import WorkingSetParams
from ...core.embeddings.parquet_files import write_parquet
from ...core.embeddings.vector_files import ids_file, write_npy, write_npz
from ..fields.working_set import Choice
from ..inputs.read import read
from ..storage.output_files import free_path, writing
from .action import Action


@dataclass(frozen=True, kw_only=True)
class ExportEmbeddingsParams(WorkingSetParams):
    """Write embeddings with their image paths and labels to an NPZ or Parquet file, or to NPY with a list of paths."""

    path: str = param(
        help="File to write: .npz, .parquet or .npy (with a list of paths beside it, <name>.ids.txt)",
        path="file",
    )
    embeddings: str = param("embeddings", "Embeddings to write", reads="embeddings")
    label_field: str | None = param(None, "Labels to write with them", reads="labels")
    overwrite: bool = param(False, "Replace an existing file")


def export_embeddings(samples: fo.DatasetView, params: ExportEmbeddingsParams, progress: Progress) -> dict[str, Any]:
    """Write the file; samples without vectors are left out and counted."""
    kinds = (".npz", ".parquet", ".npy")
    path = free_path("ExportEmbeddingsParams.path", params.path, kinds, params.overwrite, beside=_beside)
    kind = path.suffix.lower()
    choice = Choice(params.include_excluded, params.given_labels)
    reading = read(samples, params, "Export embeddings", with_paths=True, choice=choice)
    inputs = reading.inputs
    labels = None
    if inputs.labels is not None:
        labels = [inputs.labels.names[code] if code >= 0 else None for code in inputs.labels.codes]
    with writing(path):
        if kind == ".npz":
            write_npz(str(path), inputs.vectors, inputs.paths, labels)
        elif kind == ".parquet":
            write_parquet(path, inputs.vectors, inputs.paths, inputs.ids, labels)
        else:
            write_npy(str(path), inputs.vectors, inputs.paths)
    return {
        "headline": f"{inputs.n:,} vectors of {inputs.vectors.shape[1]} numbers written to {path}"
        + (f" ({reading.working_set})" if reading.working_set else ""),
        "count": inputs.n,
        "skipped": reading.skipped,
    }


def _beside(path: Path) -> tuple[Path, ...]:
    """The list of paths that belongs to an NPY file."""
    return (ids_file(str(path)),) if path.suffix.lower() == ".npy" else ()


ACTION = Action(
    name="export_embeddings",
    label="Export embeddings",
    stage="understand",
    params=ExportEmbeddingsParams,
    run=export_embeddings,
    risk="medium",
)
