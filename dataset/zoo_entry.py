"""Leads FiftyOne from its model zoo to Curator, which encodes prompts of text search with the model of the embeddings.

Curator copies this file into a folder of FiftyOne's model zoo, where it runs with or without the plugin loaded.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any


def load_model(model_name: str, model_path: str, **kwargs: Any) -> Any:
    """The text encoder of the embeddings that `kwargs` tell of."""
    if "image_curation" not in sys.modules:
        root = Path(model_path).read_text(encoding="utf-8")
        if not (Path(root) / "__init__.py").is_file():
            raise ValueError(f"Curator is no longer at {root}; compute embeddings again to make text search find it")
        spec = importlib.util.spec_from_file_location(
            "image_curation", f"{root}/__init__.py", submodule_search_locations=[root]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules["image_curation"] = package = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    from image_curation.dataset.searching import Prompts

    return Prompts(kwargs)
