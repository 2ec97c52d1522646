"""FiftyOne's own similarity search over the vectors of a run: by image, and by text where the model reads text.

Every run of embeddings is a similarity index under its own key, so that the App's magnifier and `sort_by_similarity`
work on it. The index reads the run's field or file, keeps no copy, and goes with the run.

FiftyOne finds the model of a prompt by a name in its model zoo, in any process and whether plugins are loaded or not. A
small folder in the zoo leads from that name to this plugin, whose engine encodes the prompt with the run's own weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
from fiftyone.brain.internal.core.sklearn import SklearnSimilarityConfig, SklearnSimilarityIndex

from ...core.base.arrays import Array
from ...core.zero_shot.tag_zero_shot import text_engine
from ..fields.rows import Rows, attribute, every
from ..inputs.sources import find_vectors, read_vectors

MODEL = "image-curation-text"
TOLD = ("model", "weights", "weights_hash", "text")  # what a run's facts say of its model
STORED = "image_curation.dataset.searching.StoredVectors"  # what databases say; see that module
HERE = Path(__file__).resolve().parents[2]
ZOO_ENTRY = HERE / "dataset" / "zoo_entry.py"


class Prompts:
    """What FiftyOne's search asks of a model: `with model: model.embed_prompts(texts)`."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        """Load the text encoder of the model that a run's facts tell of.

        Raises:
            ParamError: its weights are not on this machine any more. Nothing is ever downloaded for a search.
        """
        self._engine = text_engine(source)

    def __enter__(self) -> Prompts:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to release: the next prompt uses the same engine."""

    def embed_prompts(self, prompts: Sequence[str]) -> Array:
        """(m,) texts → (m, d) float32 of unit length."""
        return self._engine.embed_text(list(prompts))


def register(
    dataset: fo.Dataset, key: str, path: str, objects: str | None, facts: Mapping[str, Any], *, in_file: bool = False
) -> None:
    """Make the vectors of a run searchable under the run's key. Nothing is read or computed now.

    Args:
        path: the field of the vectors, or of their row numbers.
        objects: the label field whose objects they are of; None for images.
        facts: of the run; `text` says whether its model reads text, the others which weights it has.
        in_file: the vectors lie in the run's file. Then this package, which finds it, must be loaded or installed
            where they are searched.
    """
    text = bool(facts.get("text")) and _lead_here()
    field = path if objects is None else attribute(dataset, objects, path)
    config = SklearnSimilarityConfig(
        embeddings_field=None if in_file else field,
        patches_field=objects,
        model=MODEL if text else None,
        model_kwargs={name: facts.get(name) for name in TOLD} if text else None,
        supports_prompts=text,
        metric="cosine",
    )
    method = config.build()
    method.register_run(dataset, key, overwrite=False)
    none: Any = np.zeros((0, int(facts.get("dim") or 1)), dtype=np.float32)
    ids = np.zeros(0, dtype=str)
    kind = StoredVectors if in_file else SklearnSimilarityIndex
    index = kind(dataset, config, key, none, ids, ids if objects else None, backend=method)
    method.save_run_results(dataset, key, index, cache=False)  # read when it is first searched


class StoredVectors(SklearnSimilarityIndex):  # type: ignore[misc]  # FiftyOne's classes are untyped
    """FiftyOne's own index over vectors of the run with its key, read when a process first searches them."""

    @property
    def cls(self) -> str:
        """Where any process finds this class, under whatever name this package was loaded there."""
        return STORED

    def attributes(self) -> list[str]:
        """What goes into the database: the name of this class only."""
        return ["cls"]

    def reload(self) -> None:
        """Read the vectors again, in place of those in memory."""
        vectors, images, objects = _read(self._dataset, self.key, self.config.patches_field)
        self._embeddings, self._sample_ids, self._label_ids = vectors, images, objects
        self._ids_to_inds = self._curr_ids_to_inds = self._neighbors_helper = None
        super().reload()

    @classmethod
    def _from_dict(cls, d: Mapping[str, Any], samples: Any, config: Any, brain_key: str) -> StoredVectors:
        vectors, images, objects = _read(samples._root_dataset, brain_key, config.patches_field)
        return cls(samples, config, brain_key, embeddings=vectors, sample_ids=images, label_ids=objects)


def _lead_here() -> bool:
    """Write the folder in the zoo. False where that place may not be written to; then there is search by image only."""
    folder = Path(fo.config.model_zoo_dir) / MODEL
    manifest = {
        "name": MODEL,
        "url": "https://github.com/image-curation/curator",
        "models": [
            {
                "base_name": MODEL,
                "base_filename": "place.txt",
                "description": "Encodes the prompts of text search with the model of Curator's embeddings",
                "tags": ["embeddings", "zero-shot"],
            }
        ],
    }
    entry = ZOO_ENTRY.read_text(encoding="utf-8")
    files = {"place.txt": str(HERE), "__init__.py": entry, "manifest.json": json.dumps(manifest, indent=2)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            file = folder / name
            if not file.is_file() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
    except OSError:
        return False
    return True


def _read(dataset: fo.Dataset, key: str, objects: str | None) -> tuple[Array, Array, Array | None]:
    """(m, d) vectors of the rows that have one, (m,) their samples' ids and, of objects, (m,) their own.

    Raises:
        ParamError: the file is gone, or nothing has a vector any more.
    """
    path, _, facts = find_vectors(dataset, key)
    rows = Rows(every(dataset).view(), objects)
    vectors, has = read_vectors(rows, path, facts)
    if not has.all():
        vectors, rows = vectors[has], rows.only(has)
    ids = np.array(rows.ids, dtype=str)
    return vectors, np.array(rows.images, dtype=str), ids if objects is not None else None
