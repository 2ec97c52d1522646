"""Explanations: pictures per second, and whether they find what was planted.

python benchmarks/explain.py             pictures per second on two cores
python benchmarks/explain.py --planted   a digit in a quadrant; one of two digits
python benchmarks/explain.py --photographs   a bee among three other photographs
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from classifier import photo_weights
from common import ROOT, SHARED, load_package, machine, recorded

REPEATS = 3
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def speed(most: int) -> None:
    """Print a table; photographs of bees, reading and resizing them included, batches of 16; the fastest of three."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.explanations.explain import ExplainParams, explain

    folder = SHARED / "hymenoptera" / "hymenoptera_data" / "val" / "bees"
    paths = [str(path) for path in sorted(folder.glob("*.jpg"))[:most]]
    network = {"model": "torchvision:mobilenet_v2", "weights": photo_weights()}
    big = {"model": "open_clip:ViT-B-32", "weights": random_clip(), "target": "named", "classes": ("bee", "flower")}
    tiny = {"model": "tiny_clip", "target": "named", "classes": ("seven", "one")}
    print("\n| explanation | network | maps a picture | pictures / s | CPU s a picture |\n|---|---|---|---|---|")
    for method, given in (
        ("cam", network),
        ("grad_cam", network),
        ("attention", big),
        ("patches", big),
        ("attention", tiny),
        ("patches", tiny),
    ):
        params = ExplainParams(method=method, batch_size=16, **given)
        explain(Inputs(n=2, paths=paths[:2]), params, silent)
        seen = []
        for _ in range(REPEATS):
            began = time.process_time()
            facts = explain(Inputs(n=len(paths), paths=paths), params, silent).facts
            seen.append((facts["images_per_second"], (time.process_time() - began) / len(paths)))
        fastest, spent = max(seen)
        maps = len(given.get("classes", ("predicted",)))
        print(f"| {method} | {given['model']} | {maps} | {fastest} | {spent:.3f} |", flush=True)
    print(f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f}")


def planted(n: int = 300, seeds: int = 3) -> None:
    """Print how often the digit's quadrant holds most of the map, and that of the one asked for more than another's."""
    from image_curation.core.explanations.explainers import of_texts

    quadrants = _quadrants()
    found: dict[tuple[str, str], list[float]] = {}
    sets = (("digit of 12 to 16 px", (12, 16), 0.0), ("the same with grain", (12, 16), 0.1), ("20 px", (20, 20), 0.0))
    for method in ("attention", "patches"):
        clip = of_texts("tiny_clip", None, "cpu", method, DIGITS, ("a photo of the digit {}",))

        def lit(images: Any, codes: Any, clip: Any = clip) -> tuple[Any, Any]:
            batch = np.stack([clip.prepare(image) for image in images])
            said = clip.scores(batch).argmax(axis=1)
            return (clip.maps(batch, (said if codes is None else codes)[None])[0], said)

        for seed in range(100, 100 + seeds):
            for name, sides, grain in sets:
                images, digits, places = quadrants.digits_in_quadrants(n, seed, sides, grain)
                for word, codes in (("true", digits), ("predicted", None)):
                    maps, said = lit(images, codes)
                    hits = (quadrants.lit(maps) == places).mean()
                    found.setdefault((f"{name}, its {word} class", method), []).append(hits)
                found.setdefault((f"(the model names it: {name})", method), []).append((said == digits).mean())
            images, digits, places = quadrants.two_digits(n, seed)
            cells = quadrants.energy(lit(images, digits)[0])
            rows = np.arange(n)
            first = (cells[rows, places[:, 0]] > cells[rows, places[:, 1]]).mean()
            found.setdefault(("two digits of 16 px, more on the one asked for", method), []).append(first)
    print(f"\n| planted, {n} pictures, {seeds} seeds, lowest to highest | attention | patches |\n|---|---|---|")
    for what in dict.fromkeys(what for what, _ in found):
        cells = [f"{min(found[what, one]):.0%} to {max(found[what, one]):.0%}" for one in ("attention", "patches")]
        print(f"| {what} | {cells[0]} | {cells[1]} |")


def planted_photographs(n: int = 80) -> None:
    """Print how often the quadrant of a bee holds most of the map for bees, of four photographs side by side."""
    from image_curation.core.classifiers.networks import open_network
    from image_curation.core.explanations.explainers import NetworkExplainer
    from PIL import Image

    folder = SHARED / "hymenoptera" / "hymenoptera_data"
    bees = sorted(folder.glob("*/bees/*.jpg"))
    others = sorted((SHARED / "coco256").rglob("*.jpg"))
    rng = np.random.default_rng(0)
    names = (SHARED / "weights" / "imagenet_labels_1001.txt").read_text().splitlines()
    bee, quadrants = names.index("bee"), _quadrants()
    images, places = [], rng.integers(0, 4, n)
    for place in places:
        sheet = Image.new("RGB", (448, 448))
        for quadrant in range(4):
            path = rng.choice(bees if quadrant == place else others)
            with Image.open(path) as file:
                side = min(file.size)
                box = ((file.width - side) // 2, (file.height - side) // 2)
                part = file.convert("RGB").crop((*box, box[0] + side, box[1] + side)).resize((224, 224))
            sheet.paste(part, (224 * (quadrant % 2), 224 * (quadrant // 2)))
        images.append(sheet)
    network = open_network("torchvision:mobilenet_v2", photo_weights(), "cpu")
    network = replace(network, frame=replace(network.frame, side=448, resize=448))
    hits = {}
    for method in ("cam", "grad_cam"):
        explainer, lit = NetworkExplainer.of(network, method), []
        for start in range(0, n, 8):
            batch = np.stack([explainer.prepare(image) for image in images[start : start + 8]])
            maps = explainer.maps(batch, np.full((1, len(batch)), bee))[0]
            lit.append(quadrants.lit(maps))
        hits[method] = (np.concatenate(lit) == places).mean()
    print(
        f"\nA bee among three other photographs, {n} sheets of 448 px, MobileNetV2 of ImageNet, explained for bee: its"
    )
    print(f"its quadrant holds most of the map of CAM in {hits['cam']:.0%}, of Grad-CAM in {hits['grad_cam']:.0%}")


def _quadrants() -> Any:
    spec = importlib.util.spec_from_file_location("quadrants", ROOT / "tests" / "core" / "quadrants.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_clip() -> str:
    """A ViT-B-32 with random weights: as fast as the real one, and as blind."""
    import open_clip
    import torch

    path = Path(tempfile.gettempdir()) / "curator-random-vit-b-32.pt"
    if not path.exists():
        torch.manual_seed(0)
        torch.save(open_clip.create_model("ViT-B-32").state_dict(), path)
    return str(path)


if __name__ == "__main__":
    with recorded(__file__):
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--planted", action="store_true")
        parser.add_argument("--photographs", action="store_true")
        parser.add_argument("--most", type=int, default=32, help="pictures")
        asked = parser.parse_args()
        load_package()
        print(f"## Explanations\n\n{machine()}")
        if asked.planted:
            planted()
        elif asked.photographs:
            planted_photographs()
        else:
            speed(asked.most)
