"""What the columns of files with vectors are called, by us and by the tools that people bring such files from."""

from __future__ import annotations

from collections.abc import Sequence

_VECTORS = "embedding embeddings vector vectors features feature img_emb emb image_embeddings image_embedding"
_FILES = (
    "image_path image_paths filepath filepaths path paths file_path file_name file_names filename filenames file files "
    "image.path image img_path name key keys url uri __index_level_0__ index"
)
EMBEDDINGS = tuple(_VECTORS.split())
PATHS = tuple(_FILES.split())
IDS = ("id", "sample_id", "ids")
LABELS = ("label", "labels")


def first(known: Sequence[str], there: Sequence[str]) -> str | None:
    """The first of the known names that is there; else one that differs by case only."""
    by_case = {name.lower(): name for name in reversed(there)}
    return next((name for name in known if name in there), next((by_case[n] for n in known if n in by_case), None))
