"""FiftyOne's own similarity search over the vectors of a run: by image, and by text where the model reads text.

Every run of embeddings is a similarity index under its own key, so that the App's magnifier and `sort_by_similarity`
work on it. The index reads the run's field or file, keeps no copy, and goes with the run.

FiftyOne finds the model of a prompt by a name in its model zoo, in any process and whether plugins are loaded or not. A
small folder in the zoo leads from that name to this plugin, whose engine encodes the prompt with the run's own weights.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from ..core.base.arrays import Array
from ..core.zero_shot.tag_zero_shot import text_engine
from .fields.rows import attribute

MODEL = "image-curation-text"
TOLD = ("model", "weights", "weights_hash", "text")  # what a run's facts say of its model
HOME = "image_curation.dataset.searching"  # this module, where FiftyOne looks for it; see the foot of this file
STORED = f"{HOME}.StoredVectors"
HERE = Path(__file__).resolve().parent.parent
LEADS_HERE = '''"""Leads FiftyOne from its model zoo to Curator, which encodes prompts. Written by Curator."""

import importlib.util
import sys
from pathlib import Path


def load_model(model_name, model_path, **kwargs):
    """The text encoder of the embeddings that `kwargs` tell of."""
    if "image_curation" not in sys.modules:
        root = Path(model_path).read_text(encoding="utf-8")
        if not (Path(root) / "__init__.py").is_file():
            raise ValueError(f"Curator is no longer at {root}; compute embeddings again to make text search find it")
        spec = importlib.util.spec_from_file_location(
            "image_curation", f"{root}/__init__.py", submodule_search_locations=[root]
        )
        sys.modules["image_curation"] = package = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    from image_curation.dataset.searching import Prompts

    return Prompts(kwargs)
'''


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
    from fiftyone.brain.internal.core.sklearn import SklearnSimilarityConfig, SklearnSimilarityIndex

    from .stored_index import StoredVectors

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
    files = {"place.txt": str(HERE), "__init__.py": LEADS_HERE, "manifest.json": json.dumps(manifest, indent=2)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            file = folder / name
            if not file.is_file() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
    except OSError:
        return False
    return True


def __getattr__(name: str) -> Any:
    if name != "StoredVectors":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .stored_index import StoredVectors

    return StoredVectors


# FiftyOne finds the class of an index by the name in the database. The App loads this package under another name, so
# its copy answers to that one too.
sys.modules.setdefault(HOME, sys.modules[__name__])
