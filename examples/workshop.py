"""From a folder of photographs to a split that can be trusted: the path of a workshop, step by step.

    python examples/workshop.py                      ants and bees beside the project, or else parts of free photographs
    python examples/workshop.py --images folder      your own; labels are the names of the folders they lie in
    python examples/workshop.py --network torchvision:resnet18 --weights resnet18.pth

Cells begin with `# %%`; `examples/notebook.py --free` runs them and keeps what they print and draw as a notebook.
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
parser.add_argument("--network", default="timm:resnet10t", help="network to fine-tune and explain")
parser.add_argument("--weights", help="checkpoint of the network on this machine")
parser.add_argument("--clip", help="CLIP model on this machine, such as open_clip:ViT-B-32/laion2b_s34b_b79k")
parser.add_argument("--out", help="folder for pictures; a temporary one by default")
parser.add_argument("--free", action="store_true", help="parts of free photographs, others at hand or not")
options = parser.parse_args(sys.argv[1:])

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FROM_SCRATCH = {
    "pretrained": False,
    "epochs": 6,
    "patience": 6,
    "batch_size": 8,
    "side": 96,
}  # where there are no weights
OUT = Path(options.out or tempfile.mkdtemp(prefix="workshop-"))
OUT.mkdir(parents=True, exist_ok=True)
BESIDE = Path(image_curation.__file__).parent.parent / "shared" / "data" / "hymenoptera"
photographs = options.images or (BESIDE / "hymenoptera_data" if BESIDE.is_dir() and not options.free else None)


def cut_photographs(folder: Path, side: int = 96, most: int = 12) -> Path:
    """A small set for every machine: parts of eight photographs, two of them in the wrong folder and one there twice.

    They come with scikit-image, which FiftyOne needs. All are in the public domain or CC0: the astronaut and the
    galaxies by NASA, the rocket by SpaceX, the cat by Stefan van der Walt, the coffee by Rachel Michetti, bricks and
    gravel by CC0Textures, the grass by linolafett.
    """
    from skimage import data

    photographs = {
        "astronaut": data.astronaut, "bricks": data.brick, "cat": data.chelsea, "coffee": data.coffee,
        "galaxies": data.hubble_deep_field, "grass": data.grass, "gravel": data.gravel, "rocket": data.rocket,
    }  # fmt: skip
    wrong = {("bricks", 5): "gravel", ("coffee", 6): "cat"}
    for name, read in photographs.items():
        photograph = Image.fromarray(read()).convert("RGB")
        columns, rows = photograph.width // side, photograph.height // side
        for number, cell in enumerate(np.linspace(0, columns * rows - 1, most).astype(int)):
            left, top = side * int(cell % columns), side * int(cell // columns)
            place = folder / wrong.get((name, number), name)
            place.mkdir(parents=True, exist_ok=True)
            part = photograph.crop((left, top, left + side, top + side))
            part.save(place / f"{name}_{number}.jpg", quality=92)
            if (name, number) == ("cat", 3):
                part.resize((72, 72)).save(place / "copy.jpg", quality=80)
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


def show_heat(name: str, samples: fo.DatasetView, field: str, side: int = 160) -> None:
    """Keep the pictures with their heatmaps laid over in red as OUT/name.jpg."""
    sheets = []
    for number, sample in enumerate(samples.exists(field)):
        with Image.open(sample.filepath) as file:
            picture = file.convert("RGB").resize((side, side))
        heat = Image.fromarray(sample[field].get_map()).resize((side, side))
        red = Image.merge("RGB", (heat, Image.new("L", heat.size), Image.new("L", heat.size)))
        sheets.append(str(OUT / f"{name}_{number}.png"))
        Image.blend(picture, red, 0.45).save(sheets[-1])
    show(name, sheets, side=side, columns=4)


def draw_digits(folder: Path, n: int = 40) -> fo.Dataset:
    """Held-out digits, small and anywhere on white paper."""
    from image_curation.core.images.digits import load_digits, picture

    digits, rng = load_digits(), np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for row in np.flatnonzero(digits.held_out)[:n]:
        paper = Image.new("RGB", (64, 64), "white")
        left, top = (int(value) for value in rng.integers(0, 32, 2))
        paper.paste(picture(digits.grids[row]).resize((32, 32)), (left, top))
        paper.save(folder / f"{row}.png")
    return fo.Dataset.from_images_dir(str(folder))


if photographs is None:
    print("No photographs were named with --images: parts of eight free ones are taken instead.")
    photographs = cut_photographs(OUT / "photographs")
print(f"Pictures: {Path(photographs).name}")

# %% Import: labels come from the folders, files that cannot be read are named and stop nothing
dataset = fo.Dataset()
summary = image_curation.import_images(dataset, directory=str(photographs))
print(summary["headline"])
print(dataset.count_values("ground_truth.label"))

# %% Embed: alike pictures get vectors that lie close together
vectors = BESIDE / "embeddings_mobilenetv2.npz"
if Path(photographs).parent == BESIDE and vectors.is_file():
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

# %% Look at what a network looks at: a class-activation map for the given class
how = {"weights": options.weights, "epochs": 0, "side": 160} if options.weights else FROM_SCRATCH
tuned = image_curation.curate(dataset, "finetune_classifier", model=options.network, folds=1, **how)
print(tuned.headline)
some = dataset.take(8, seed=1)
run = image_curation.curate(some, "explain", predictions="finetuned", target="given", label_field="ground_truth")
print(run.headline)
show_heat("heatmaps", some, "explanation_heatmap")

# %% Zero-shot: tags without training, and which regions speak for them
if options.clip:
    shown, told = dataset, {"classes": sorted(dataset.distinct("ground_truth.label"))}
    image_curation.curate(shown, "compute_embeddings", key="clip", model=options.clip)
else:
    print("The CLIP that comes with Curator knows digits only; name another with --clip. So here are some digits.")
    shown, told = draw_digits(OUT / "digits"), {"classes": DIGITS, "templates": ["a photo of the digit {}"]}
    image_curation.curate(shown, "compute_embeddings", key="clip", model="tiny_clip")
print(image_curation.curate(shown, "tag_zero_shot", embeddings="clip", **told).headline)
print(image_curation.curate(shown.limit(8), "explain", key="regions", predictions="zero_shot").headline)
show_heat("regions", shown.limit(8), "regions_heatmap")
print("tags:", shown.limit(8).values("zero_shot_tag.label"))

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
