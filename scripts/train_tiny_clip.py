"""Train the tiny CLIP that the demo ships: open_clip's own classes, scikit-learn's digits, captions of ours.

    python scripts/train_tiny_clip.py            # writes models/tiny_clip, a few minutes on 2 cores

The loss is CLIP's with every caption of a picture's class counted as right, for a batch holds many pictures of
each class: Yang et al. 2022, Unified Contrastive Learning in Image-Text-Label Space (UniCL), arXiv:2204.03610, eq. 3-5.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import open_clip
import torch
from checkout import load_package
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "models" / "tiny_clip"

# 256 bytes, each also as the end of a word, and the two marks of a text: a vocabulary without any merges.
VOCABULARY = 2 * 256 + 2

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 64,
        "vision_cfg": {"image_size": 32, "patch_size": 8, "layers": 4, "width": 128, "head_width": 32},
        "text_cfg": {"context_length": 40, "vocab_size": VOCABULARY, "width": 96, "heads": 3, "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
}

NOTHING = ("nothing", "a photo", "a picture", "an image", "a photo of nothing", "a blank page", "an empty picture")


def main() -> None:
    """Train, save, and measure what was saved."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=600, help="batches to train on")
    parser.add_argument("--batch", type=int, default=128, help="pictures in a batch")
    parser.add_argument("--seed", type=int, default=51, help="seed of weights, batches and augmentation")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    write_config(given.out)
    started = time.perf_counter()
    model = train(given.out, given.steps, given.batch, given.seed)
    seconds = time.perf_counter() - started
    checkpoint = given.out / "open_clip_model.safetensors"
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, checkpoint)
    checkpoint.chmod(0o644)  # safetensors writes for its owner only
    numbers = sum(parameter.numel() for parameter in model.parameters())
    print(f"{numbers:,} parameters, {seconds:.0f} s, held-out zero-shot accuracy {accuracy(given.out):.4f}")


def write_config(folder: Path) -> None:
    """What open_clip needs beside the weights: the architecture, and a merge table that is empty but for its header."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    with (folder / "bpe.txt.gz").open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        file.write(b"no merges: every byte is a token")


def train(folder: Path, steps: int, batch: int, seed: int) -> Any:
    """A CLIP trained on the digits that are not held out."""
    digits = load_core("digits")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}", bpe_path=str(folder / "bpe.txt.gz"))
    model = open_clip.CLIP(**CONFIG["model_cfg"])
    model.logit_scale.data.fill_(math.log(1 / 0.07))
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    other = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": other, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=steps, pct_start=0.1)
    model.train()
    for step, (pictures, classes, texts) in enumerate(batches(digits, steps, batch, seed)):
        image, text, scale = model(pictures, tokenizer(texts))
        loss = unified_loss(image, text, scale, classes)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step:5d}  loss {loss.item():.4f}  scale {scale.item():.1f}", flush=True)
    return model.eval()


def unified_loss(image: Tensor, text: Tensor, scale: Tensor, classes: Tensor) -> Tensor:
    """UniCL: cross-entropy both ways, the target spread over all pairs of the same class.

    Args:
        image, text: (b, d) of unit length.
        scale: what cosines are multiplied by.
        classes: (b,) class of each picture and of its caption.
    """
    logits = scale * image @ text.T
    same = (classes[:, None] == classes[None, :]).float()
    target = same / same.sum(dim=1, keepdim=True)
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


def batches(digits: ModuleType, steps: int, batch: int, seed: int) -> Iterator[tuple[Tensor, Tensor, list[str]]]:
    """Augmented pictures (b, 3, 32, 32), their classes (b,) and a caption each; about 5 % are blank paper."""
    data = digits.load_digits()
    learn = ~data.held_out
    pictures = torch.stack([prepare(digits.picture(grid)) for grid in data.grids[learn]])
    labels = data.labels[learn]
    captions = [digits.captions(name) for name in digits.NAMES] + [NOTHING]
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows = rng.integers(len(pictures), size=batch)
        blank = rng.random(batch) < 0.05
        classes = np.where(blank, len(digits.NAMES), labels[rows])
        chosen = pictures[rows]
        chosen[torch.from_numpy(blank)] = 1.0
        texts = [captions[c][rng.integers(len(captions[c]))] for c in classes]
        yield augment(chosen, rng), torch.from_numpy(classes), texts


def augment(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Turn, shear, stretch and shift a little; vary ink and paper; add grain.

    Args:
        pictures: (b, 3, h, w) in [-1, 1].
    """
    b = len(pictures)
    angle, shear = rng.normal(0, 0.12, b), rng.normal(0, 0.12, b)
    wide, high = np.exp(rng.normal(0, 0.08, (2, b)))
    shift = rng.normal(0, 0.08, (2, b))
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[wide * cos, wide * (shear * cos - sin), shift[0]], [high * sin, high * (shear * sin + cos), shift[1]]]
    theta = torch.from_numpy(np.array(rows).transpose(2, 0, 1).astype(np.float32))
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    contrast = torch.from_numpy(rng.uniform(0.7, 1.1, (b, 1, 1, 1)).astype(np.float32))
    light = torch.from_numpy(rng.normal(0, 0.08, (b, 1, 1, 1)).astype(np.float32))
    grain = torch.from_numpy(rng.normal(0, 0.06, (b, 1, *pictures.shape[2:])).astype(np.float32))
    return moved * contrast + light + grain


def prepare(image: Image.Image) -> Tensor:
    """(3, 32, 32), as the shipped configuration prepares pictures."""
    size = CONFIG["model_cfg"]["vision_cfg"]["image_size"]
    transform = image_transform_v2(PreprocessCfg(size=size, **CONFIG["preprocess_cfg"]), is_train=False)
    result: Tensor = transform(image)
    return result


def accuracy(folder: Path) -> float:
    """Zero-shot accuracy of the saved checkpoint on the held-out digits, with the templates of `tag_zero_shot`."""
    engines, zero_shot, digits = load_core("embeddings"), load_core("zero_shot"), load_core("digits")
    data = digits.load_digits()
    engine = engines.open_engine(load_core("engines.base").Request("tiny_clip", weights=str(folder), precision="fp32"))
    held_out = data.grids[data.held_out]
    images = engine.embed(np.stack([engine.prepare(digits.picture(grid)) for grid in held_out]))
    texts = zero_shot.class_vectors(engine, digits.NAMES, zero_shot.TEMPLATES)
    return float(((images @ texts.T).argmax(axis=1) == data.labels[data.held_out]).mean())


def load_core(name: str) -> ModuleType:
    """A module of the project's core."""
    return importlib.import_module(f"{load_package().__name__}.core.{name}")


if __name__ == "__main__":
    main()
