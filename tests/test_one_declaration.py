"""A method is declared once: one file and one line in the catalog, and everything that is derived has it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOY = '''"""Which pictures are more red than blue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Progress
from ..base.columns import Column, Columns
from ..base.inputs import Inputs
from ..base.method import Finding, Method
from ..base.params import Params, param
from ..images.reading import read_image


@dataclass(frozen=True, kw_only=True)
class WarmParams(Params):
    """Find pictures that are more red than blue."""

    least: float = param(0.5, "Least warmth of a picture that is marked", at_least=0, at_most=1)


def find_warm_images(inputs: Inputs, params: WarmParams, progress: Progress) -> Columns:
    """Columns as declared in `METHOD`."""
    means = [np.asarray(read_image(path).convert("RGB"), dtype=float).mean(axis=(0, 1)) for path in inputs.paths]
    warmth = np.array([mean[0] / (mean[0] + mean[2] + 1) for mean in means])
    warm = warmth >= params.least
    return Columns({"hot": warm, "coldness": 1 - warmth}, {"headline": f"{warm.sum()} warm images"})


METHOD = Method(
    name="find_warm_images",
    version=1,
    label="Find warm images",
    stage="clean",
    key="warmth",
    params=WarmParams,
    run=find_warm_images,
    reads=("paths",),
    writes=(
        Column("hot", bool, "The picture is more red than blue", role="mark"),
        Column("coldness", float, "How blue it is, in [0, 1]", best="high"),
    ),
    finding=Finding("Warm pictures", "minor", "They are more red than blue.", "too warm"),
)
'''
SCRIPT = """
import json, sys
sys.path.insert(0, "scripts")
from pathlib import Path
from checkout import load_package
from database import start_database
home = Path(sys.argv[1])
start_database(home / "database")
load_package()
import fiftyone as fo
import fiftyone.operators.types as types
from PIL import Image
import docs
from image_curation import act, curate, get_run, list_runs
from image_curation.core.catalog import METHODS, method_named
from image_curation.operators import OPERATORS, forms
from image_curation.dataset.runs.freshness import Freshness
from image_curation.panels.curation import check_page, home as first_page
from image_curation.panels.curation.findings import found_in
from image_curation.panels.review import review_queue
from image_curation.panels.shared import scope
from image_curation.panels.shared.run_layout import layout

dataset = fo.Dataset()
for number, colour in enumerate([(220, 20, 20), (20, 20, 220), (20, 60, 220), (230, 30, 30)]):
    path = home / f"{number}.png"
    Image.new("RGB", (16, 16), colour).save(path)
    dataset.add_sample(fo.Sample(filepath=str(path)))
form = types.Object()
forms.add_params(form, method_named("find_warm_images").params, dataset, {})
check = act(dataset, "check_dataset")
run = get_run(dataset, "warmth")
fields = dataset.get_field_schema(flat=True)
source = review_queue.source_of(run, fields, None)
runs = list_runs(dataset)
kinds = found_in(dataset.view(), runs, Freshness(dataset, runs), None)
checked = check_page.page(get_run(dataset, "check"), None, kinds, runs)
board = first_page.board(METHODS, runs, {}, set())
(kind,) = [one for one in checked["kinds"] if one["key"] == "warmth"]
print("RESULT" + json.dumps({
    "operator": [cls.__name__ for cls in OPERATORS if cls.__name__ == "FindWarmImages"],
    "form": list(form.properties),
    "fields": [path for path in fields if path.startswith("warmth")],
    "marked": dataset.values("warmth_hot"),
    "layout": [part.title for part in (*layout(run, fields).scores, *layout(run, fields).marks)],
    "home": [row["key"] for stage in board for row in stage["methods"] if row["name"] == "find_warm_images"],
    "checked": [one["now"] for one in checked["kinds"] if one["title"] == "Warm pictures"],
    "review": kind["action"]["label"],
    "queue": len(review_queue.read(source, scope.whole(dataset, None)).ids),
    "reason": source.reason,
    "reference": "find_warm_images" in docs.methods_page(),
    "manifest": "find_warm_images" in docs.manifest(docs.MANIFEST.read_text()),
    "summary": check["headline"],
}))
"""


@pytest.mark.slow
def test_declaration__one_file_and_one_line_of_the_catalog(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    left_out = shutil.ignore_patterns(".*", "tests", "docs", "benchmarks", "node_modules", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=left_out, symlinks=True)
    (copy / "core" / "quality" / "find_warm_images.py").write_text(TOY)
    catalog = copy / "core" / "catalog.py"
    line = "METHODS: tuple[Method, ...] = (\n"
    toy = 'import_module(".quality.find_warm_images", __package__)'
    text = catalog.read_text().replace(line, f"{line}    {toy}.METHOD,\n")
    catalog.write_text(text.replace("import difflib\n", "import difflib\nfrom importlib import import_module\n"))
    (copy / "again.py").write_text(SCRIPT)
    call = [sys.executable, "again.py", str(tmp_path)]
    done = subprocess.run(call, cwd=copy, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.split("RESULT")[1])
    assert found.pop("summary")
    assert found == {
        "operator": ["FindWarmImages"],
        "form": ["least"],
        "fields": ["warmth_hot", "warmth_coldness"],
        "marked": [True, False, False, True],
        "layout": ["Coldness", "Hot"],
        "home": ["warmth"],
        "checked": [2],
        "review": "Review 2",
        "queue": 2,
        "reason": "too warm",
        "reference": True,
        "manifest": True,
    }
