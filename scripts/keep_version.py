"""Keeps a small dataset as this version of Curator writes it, for the tests of later versions.

    python scripts/keep_version.py CHECKOUT FOLDER

CHECKOUT is the version that writes, by its own code, and FOLDER gets `database.json`, all documents of the database,
and the files that belong to them. `tests/data/version_0_1_0` was made so from the first version, before its folders
were named by capability.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

CHECKOUT, FOLDER = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
HOME = Path(tempfile.mkdtemp(prefix="curator-version-"))
HERE = "@HOME@"  # stands for HOME in what is kept

os.environ["FIFTYONE_DEFAULT_DATASET_DIR"] = str(HOME / "datasets")
os.environ["FIFTYONE_MODEL_ZOO_DIR"] = str(HOME / "models")
os.environ["FIFTYONE_DO_NOT_TRACK"] = "true"
sys.path.insert(0, str(CHECKOUT / "scripts"))

from checkout import load_package  # noqa: E402
from database import start_database  # noqa: E402

load_package()
address = start_database(HOME / "database")

import fiftyone as fo  # noqa: E402
import numpy as np  # noqa: E402
import pymongo  # noqa: E402
from bson import json_util  # noqa: E402
from image_curation import act, curate  # noqa: E402
from PIL import Image  # noqa: E402


def make() -> None:
    """24 pictures of three colours, two labels wrong and one picture twice; runs, decisions, a slice."""
    dataset = fo.Dataset("kept")
    dataset.persistent = True
    rng = np.random.default_rng(0)
    colours = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
    (HOME / "images").mkdir()
    for number in range(24):
        name = list(colours)[number % 3]
        pixels = np.clip(np.array(colours[name]) + rng.integers(-25, 25, (16, 16, 3)), 0, 255).astype(np.uint8)
        path = HOME / "images" / f"{number}.png"
        Image.fromarray(pixels).save(path)
        given = "green" if number in (0, 3) else name
        dataset.add_sample(fo.Sample(filepath=str(path), ground_truth=fo.Classification(label=given)))
    shutil.copy(HOME / "images" / "5.png", HOME / "images" / "23.png")
    curate(dataset, "compute_embeddings", model="descriptor", store="field")
    curate(dataset, "compute_embeddings", key="filed", model="descriptor", store="file")
    curate(dataset, "find_representatives", k=3)
    curate(dataset, "find_label_issues")
    curate(dataset, "find_duplicates")
    curate(dataset, "score_importance", coreset_size=9, class_size=["red=4"])
    curate(dataset, "select_subset", n=6)
    curate(dataset, "split_dataset", fractions=["train=0.5", "val=0.5"])
    first, second = dataset.first(), dataset.skip(1).first()
    act(dataset.select(first.id), "relabel", label="red", run="label_issues")
    act(dataset.select(second.id), "mark", decision="exclude", reason="unusable", run="label_issues")
    act(dataset, "save_slice", name="typical", field="representatives_is_medoid", equals="true")


def keep() -> None:
    """All documents, and the files that they name."""
    client: pymongo.MongoClient[Any] = pymongo.MongoClient(address)
    database = client[fo.config.database_name]
    found = {name: list(database[name].find()) for name in sorted(database.list_collection_names())}
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps(json.loads(json_util.dumps({name: rows for name, rows in found.items() if rows})), indent=0)
    (FOLDER / "database.json").write_text(text.replace(str(HOME), HERE))
    for part in ("images", "datasets"):
        shutil.copytree(HOME / part, FOLDER / part, dirs_exist_ok=True)


make()
keep()
shutil.rmtree(HOME, ignore_errors=True)
