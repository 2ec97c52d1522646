"""Copies that people make on purpose: recall of each kind, precision of pairs, and CPU seconds, on photographs.

300 photographs, each with one altered copy, of a kind in turn; twice, by the descriptor.

    python benchmarks/altered.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, load_package, recorded

PHOTOS = 300
KINDS = ("turned by 90", "turned by 180", "turned by 270", "upside down", "turned a little", "banner", "grey")
TEXT = "SALE SALE www.example.com  the best of the best"


def alter(image: Any, how: str, rng: Any) -> Any:
    """One altered copy of a picture."""
    from PIL import Image, ImageDraw, ImageOps

    if how == "turned a little":
        angle = float(rng.uniform(1, 10) * rng.choice([-1, 1]))
        return image.rotate(angle, Image.Resampling.BICUBIC, expand=bool(rng.integers(2)))
    if how.startswith("turned by"):
        return image.rotate(int(how.split()[-1]), expand=True)
    if how == "upside down":
        return ImageOps.flip(image)
    if how == "grey":
        return ImageOps.grayscale(image).convert("RGB")
    image = image.copy()
    draw, high = ImageDraw.Draw(image), image.height // 10
    top = int(rng.choice([0, image.height - high]))
    draw.rectangle([0, top, image.width, top + high], fill=tuple(int(one) for one in rng.integers(0, 256, 3)))
    draw.text((image.width * 0.05, top + high * 0.1), TEXT, fill="white", font_size=max(high * 0.7, 8))
    return image


def photographs(folder: Path, seed: int = 0) -> tuple[list[str], Any, Any]:
    """Paths, the number of the picture that each shows, and how it was altered ("" for originals)."""
    from PIL import Image

    every = [str(p) for name in ("hymenoptera", "coco256") for p in sorted((SHARED / name).rglob("*.jpg"))]
    rng = np.random.default_rng(seed)
    paths = [every[row] for row in rng.permutation(len(every))[:PHOTOS]]
    shows, how = list(range(PHOTOS)), [""] * PHOTOS
    for row in range(PHOTOS):
        kind = KINDS[row % len(KINDS)]
        path = folder / f"{row}.jpg"
        with Image.open(paths[row]) as file:
            alter(file.convert("RGB"), kind, rng).save(path, quality=int(rng.integers(70, 95)))
        paths.append(str(path))
        shows.append(row)
        how.append(kind)
    return paths, np.array(shows), np.array(how)


def judged(group: Any, shows: Any, how: Any) -> dict[str, Any]:
    """Recall of each kind, and precision of the pairs that share a group."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        rows = np.flatnonzero(how == kind)
        found[kind] = round(float(np.mean([group[row] >= 0 and group[row] == group[shows[row]] for row in rows])), 3)
    right, wrong = 0, []
    for number in np.unique(group[group >= 0]):
        rows = np.flatnonzero(group == number).tolist()
        pairs = [(a, b) for at, a in enumerate(rows) for b in rows[at + 1 :]]
        right += sum(shows[a] == shows[b] for a, b in pairs)
        wrong += [(a, b) for a, b in pairs if shows[a] != shows[b]]
    return found | {"pairs": right + len(wrong), "precision": round(right / max(right + len(wrong), 1), 4)}


def main() -> None:
    """Two draws of photographs, with and without the search for altered copies."""
    from image_curation.core.base.arrays import silent
    from image_curation.core.base.inputs import Inputs
    from image_curation.core.copies.find_duplicates import DuplicatesParams, find_duplicates
    from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings

    print(f"\n### {PHOTOS} photographs, each with one altered copy, descriptor")
    print(f"\n| draw | altered | CPU s | precision | {' | '.join(KINDS)} |\n|---|---|---|---|{'---|' * len(KINDS)}")
    for seed in (0, 1):
        with tempfile.TemporaryDirectory() as folder:
            paths, shows, how = photographs(Path(folder), seed)
            embed = EmbeddingsParams(model="descriptor")
            x = compute_embeddings(Inputs(n=len(paths), paths=paths), embed, silent).values[""]
            for altered in (False, True):
                inputs, began = Inputs(n=len(paths), paths=paths, embeddings=x), time.process_time()
                found = find_duplicates(inputs, DuplicatesParams(altered=altered), silent)
                seconds = time.process_time() - began
                group = np.array([-1 if one is None else one for one in found.values["group"]])
                score = judged(group, shows, how)
                cells = [f"{score[kind]:.3f}" for kind in ("precision", *KINDS)]
                print(f"| {seed} | {altered} | {seconds:.1f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    load_package()
    with recorded(__file__, seeds=2):
        main()
