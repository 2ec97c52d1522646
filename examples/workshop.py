"""From a folder of photographs to a split that can be trusted: the path of a workshop, step by step.

    python examples/workshop.py                      ants and bees beside the project, or else digits that it draws
    python examples/workshop.py --images folder      your own; labels are the names of the folders they lie in
    python examples/workshop.py --network torchvision:resnet18 --weights resnet18.pth

Cells begin with `# %%`; `examples/notebook.py --drawn` runs them and keeps what they print and draw as a notebook.
"""

# %% What we need, and where the pictures are
from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import fiftyone as fo
import image_curation
import numpy as np
from fiftyone import ViewField as F
from PIL import Image

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--images", help="folder of photographs, one folder per class inside")
parser.add_argument("--network", default="torchvision:mobilenet_v2", help="network to fine-tune and explain")
parser.add_argument("--weights", help="checkpoint of the network on this machine")
parser.add_argument("--out", help="folder for pictures; a temporary one by default")
parser.add_argument("--drawn", action="store_true", help="the small drawn set, photographs or not")
options = parser.parse_args(sys.argv[1:])

OUT = Path(options.out or tempfile.mkdtemp(prefix="workshop-"))
OUT.mkdir(parents=True, exist_ok=True)
BESIDE = Path(image_curation.__file__).parent.parent / "shared" / "data" / "hymenoptera"
photographs = options.images or (BESIDE / "hymenoptera_data" if BESIDE.is_dir() and not options.drawn else None)


def draw_digits(folder: Path, n: int = 90) -> Path:
    """A small set for machines without photographs: digits, one folder each, two of them in the wrong one."""
    from image_curation.core.digits import NAMES, load_digits, picture

    digits = load_digits()
    for number, row in enumerate(np.flatnonzero(digits.held_out)[:n]):
        label = NAMES[(digits.labels[row] + (number in (11, 40))) % 10]
        (folder / label).mkdir(parents=True, exist_ok=True)
        picture(digits.grids[row]).save(folder / label / f"{row}.png")
    return folder


def show(name: str, pictures: list[str], columns: int = 8, side: int = 96) -> None:
    """Keep a sheet of pictures as OUT/name.jpg."""
    if not pictures:
        return
    sheet = Image.new("RGB", (columns * side, -(-len(pictures) // columns) * side), "white")
    for place, path in enumerate(pictures):
        with Image.open(path) as file:
            small = file.convert("RGB")
        small.thumbnail((side - 4, side - 4))
        sheet.paste(small, (place % columns * side + 2, place // columns * side + 2))
    sheet.save(OUT / f"{name}.jpg", quality=80)


if photographs is None:
    print("No photographs lie beside the project and none were named with --images: digits are drawn instead.")
    photographs = draw_digits(OUT / "digits")
    drawn = True
else:
    drawn = False
print(f"Pictures: {Path(photographs).name}")

# %% Import: labels come from the folders, files that cannot be read are named and stop nothing
dataset = fo.Dataset()
summary = image_curation.import_images(dataset, directory=str(photographs))
print(summary["headline"])
print(dataset.count_values("ground_truth.label"))

# %% Embed: alike pictures get vectors that lie close together
vectors = BESIDE / "embeddings_mobilenetv2.npz"
if drawn:
    run = image_curation.curate(dataset, "compute_embeddings", model="tiny_clip")
elif not options.images and vectors.is_file():
    with np.load(vectors, allow_pickle=False) as given:  # a network's vectors, made before
        paths = np.array([str(BESIDE / path) for path in given["paths"]])
        np.savez(OUT / "vectors.npz", embeddings=given["emb"].astype(np.float32), image_paths=paths)
    run = image_curation.curate(dataset, "import_embeddings", path=str(OUT / "vectors.npz"))
else:
    run = image_curation.curate(dataset, "compute_embeddings")
print(run.headline)
dataset = dataset.exists("embeddings") if run.skipped else dataset

# %% Neighbors: the eight most like the first picture
print(image_curation.curate(dataset, "find_neighbors", k=8).headline)
first = dataset.first()
near = dataset.select(first.neighbors_ids, ordered=True).values("filepath")
show("neighbors", [first.filepath, *near], columns=9)
print("similarities:", [round(value, 2) for value in first.neighbors_similarities])

# %% Copies: the same picture more than once
print(image_curation.curate(dataset, "find_duplicates").headline)

# %% Medoids and the elbow: how many pictures stand for the whole?
sweep = image_curation.curate(dataset, "sweep_representatives", k_min=2, k_max=20, step=3)
print(sweep.headline)
print(image_curation.curate(dataset, "find_representatives", k=8).headline)
show("medoids", dataset.match(F("representatives_is_medoid")).values("filepath"))

# %% Classify: every picture is predicted by a model that did not see it
run = image_curation.curate(dataset, "train_classifier")
print(run.headline)
print("calibration error:", round(run.facts["calibration_error"], 3))
for row in run.facts["per_class"][:10]:
    print(f"  {row['class']}: {row['samples']} samples, recall {row['recall']:.2f}")
print(image_curation.act(dataset, "evaluate_predictions", predictions="classifier")["headline"])

# %% Look at what a model looks at: a heatmap for the predicted class
some = dataset.limit(8)
if drawn:
    texts = sorted(dataset.distinct("ground_truth.label"))
    told = {"model": "tiny_clip", "classes": texts, "templates": ["a photo of the digit {}"]}
else:
    tuned = image_curation.curate(
        dataset, "finetune_classifier", model=options.network, weights=options.weights,
        pretrained=options.weights is not None, epochs=0 if options.weights else 1, side=160 if options.weights else 64,
    )  # fmt: skip
    print(tuned.headline)
    told = {"predictions": "finetuned", "target": "given", "label_field": "ground_truth"}
run = image_curation.curate(some, "explain", **told)
print(run.headline)
sheets = []
for number, sample in enumerate(some.exists("explanation_heatmap")):
    with Image.open(sample.filepath) as file:
        picture = file.convert("RGB").resize((160, 160))
    heat = Image.fromarray(sample.explanation_heatmap.get_map()).resize((160, 160))
    red = Image.merge("RGB", (heat, Image.new("L", heat.size), Image.new("L", heat.size)))
    Image.blend(picture, red, 0.45).save(OUT / f"heat_{number}.png")
    sheets.append(str(OUT / f"heat_{number}.png"))
show("heatmaps", sheets, side=160, columns=4)

# %% Zero-shot: tags without training, where a CLIP model is at hand
if drawn:
    tags = image_curation.curate(
        dataset, "tag_zero_shot", classes=sorted(dataset.distinct("ground_truth.label")), templates=["the digit {}"]
    )
    print(tags.headline)
else:
    print("The CLIP that comes with Curator knows digits only; for photographs name open_clip weights of your own.")

# %% Labels that are probably wrong
run = image_curation.curate(dataset, "find_label_issues")
print(run.headline)
doubtful = dataset.match(F("label_issues_is_issue")).sort_by("label_issues_quality").limit(8)
for sample in doubtful:
    print(f"  {Path(sample.filepath).name}: {sample.ground_truth.label} → {sample.label_issues_suggested}")
show("doubtful", doubtful.values("filepath"))

# %% Quality: dark, blurred, plain, oddly shaped
print(image_curation.curate(dataset, "find_quality_issues").headline)

# %% Split: near-duplicates and copies stay on one side
run = image_curation.curate(
    dataset, "split_dataset", fractions=["train=0.7", "val=0.1", "test=0.2"], label_field="ground_truth"
)
print(run.headline)

# %% Report: a selection beside random ones of the same size
print(image_curation.curate(dataset, "select_subset", n=max(10, len(dataset) // 4)).headline)
run = image_curation.curate(dataset, "report")
print(run.headline)
written = image_curation.act(dataset, "export_report", path=str(OUT / "report.html"))
print(Path(written["path"]).name, "written" if Path(written["path"]).is_file() else "missing")
