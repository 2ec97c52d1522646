"""Train the tiny CLIP that the demo ships: open_clip's own classes, scikit-learn's digits, captions of ours.

    python scripts/train_tiny_clip.py            # writes models/tiny_clip, ten minutes on 2 cores

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
from safetensors.torch import load_file, save_file
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

PLACED = 0.6  # share of the second part's pictures whose digit is smaller than the paper, and anywhere on it
SMALLEST = 0.45  # of the paper's side

NOTHING = ("nothing", "a photo", "a picture", "an image", "a photo of nothing", "a blank page", "an empty picture")


def main() -> None:
    """Train, save, and measure what was saved."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=600, help="batches of digits that fill the picture")
    parser.add_argument(
        "--placed", type=int, default=1200, help="batches of digits anywhere, for the image encoder alone"
    )
    parser.add_argument("--refine", action="store_true", help="only these, on the model that the folder holds")
    parser.add_argument("--batch", type=int, default=128, help="pictures in a batch")
    parser.add_argument("--seed", type=int, default=51, help="seed of weights, batches and augmentation")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    write_config(given.out)
    checkpoint = given.out / "open_clip_model.safetensors"
    started = time.perf_counter()
    model = open_clip.CLIP(**CONFIG["model_cfg"])
    if given.refine:
        model.load_state_dict(load_file(checkpoint))
    else:
        train(model, given.out, given.steps, given.batch, given.seed)
    refine(model, given.out, given.placed, given.batch, given.seed)
    seconds = time.perf_counter() - started
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


def train(model: Any, folder: Path, steps: int, batch: int, seed: int) -> None:
    """Both encoders, on digits that fill the picture."""
    tokenizer = tokenizer_of(folder)
    model.logit_scale.data.fill_(math.log(1 / 0.07))

    def texts(captions: list[str]) -> Tensor:
        vectors: Tensor = model.encode_text(tokenizer(captions), normalize=True)
        return vectors

    learn(model, list(model.parameters()), 1e-3, texts, steps, batches(steps, batch, seed, placed=0.0))


def refine(model: Any, folder: Path, steps: int, batch: int, seed: int) -> None:
    """The image encoder alone, on digits of any size anywhere; the texts stay where they are."""
    every = [caption for some in captions_of_classes() for caption in some]
    with torch.no_grad():
        known = dict(zip(every, model.encode_text(tokenizer_of(folder)(every), normalize=True), strict=True))

    def texts(captions: list[str]) -> Tensor:
        return torch.stack([known[caption] for caption in captions])

    image_encoder = list(model.visual.parameters())
    learn(model, image_encoder, 5e-4, texts, steps, batches(steps, batch, seed + 1, placed=PLACED))


def learn(
    model: Any,
    parameters: list[Any],
    rate: float,
    texts: Any,
    steps: int,
    made: Iterator[tuple[Tensor, Any, list[str]]],
) -> None:
    """AdamW, one cycle of the learning rate.

    Args:
        parameters: those that learn.
        texts: captions → (b, d) of unit length.
        made: see `batches`.
    """
    if steps == 0:
        return
    decayed, other = ([p for p in parameters if (p.ndim >= 2) is matrix] for matrix in (True, False))
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": other, "weight_decay": 0.0}], lr=rate, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps, pct_start=0.1)
    model.train()
    for step, (pictures, classes, captions) in enumerate(made):
        image = model.encode_image(pictures, normalize=True)
        loss = unified_loss(image, texts(captions), model.logit_scale.exp(), classes)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step:5d}  loss {loss.item():.4f}  scale {model.logit_scale.exp().item():.1f}", flush=True)
    model.eval()


def tokenizer_of(folder: Path) -> Any:
    """Ours, which lies beside the weights."""
    return open_clip.get_tokenizer(f"local-dir:{folder}", bpe_path=str(folder / "bpe.txt.gz"))


def captions_of_classes() -> list[tuple[str, ...]]:
    """Captions of each digit, and of blank paper."""
    digits = load_core("images.digits")
    return [*(digits.captions(name) for name in digits.NAMES), NOTHING]


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


def batches(steps: int, batch: int, seed: int, placed: float) -> Iterator[tuple[Tensor, Tensor, list[str]]]:
    """Augmented pictures (b, 3, 32, 32) of the digits that are not held out, their classes (b,) and a caption each.

    About 5 % are blank paper.

    Args:
        placed: see `augment`.
    """
    digits = load_core("images.digits")
    data = digits.load_digits()
    seen = ~data.held_out
    pictures = torch.stack([prepare(digits.picture(grid)) for grid in data.grids[seen]])
    labels, captions = data.labels[seen], captions_of_classes()
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows = rng.integers(len(pictures), size=batch)
        blank = rng.random(batch) < 0.05
        classes = np.where(blank, len(digits.NAMES), labels[rows])
        chosen = pictures[rows]
        chosen[torch.from_numpy(blank)] = 1.0
        texts = [captions[c][rng.integers(len(captions[c]))] for c in classes]
        yield augment(chosen, rng, placed), torch.from_numpy(classes), texts


def augment(pictures: Tensor, rng: np.random.Generator, placed: float) -> Tensor:
    """Turn, shear, stretch and shift a little; put some smaller, anywhere on the paper; vary ink and paper; add grain.

    Args:
        pictures: (b, 3, h, w) in [-1, 1].
        placed: share of those that are put smaller.
    """
    b = len(pictures)
    angle, shear = rng.normal(0, 0.12, b), rng.normal(0, 0.12, b)
    size = np.where(rng.random(b) < placed, rng.uniform(SMALLEST, 1.0, b), 1.0)
    wide, high = np.exp(rng.normal(0, 0.08, (2, b))) / size
    shift = rng.normal(0, 0.08, (2, b)) - rng.uniform(-1, 1, (2, b)) * (1 / size - 1)
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[wide * cos, wide * (shear * cos - sin), shift[0]], [high * sin, high * (shear * sin + cos), shift[1]]]
    theta = torch.from_numpy(np.array(rows).transpose(2, 0, 1).astype(np.float32))
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    moved = 1 + functional.grid_sample(pictures - 1, grid, align_corners=False)  # what comes in from outside is paper
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
    zero_shot, digits = load_core("zero_shot.tag_zero_shot"), load_core("images.digits")
    data = digits.load_digits()
    request = load_core("embeddings.models.base").Request("tiny_clip", weights=str(folder), precision="fp32")
    engine = load_core("embeddings.models.catalog").open_engine(request)
    held_out = data.grids[data.held_out]
    images = engine.embed(np.stack([engine.prepare(digits.picture(grid)) for grid in held_out]))
    texts = zero_shot.class_vectors(engine, digits.NAMES, zero_shot.TEMPLATES)
    return float(((images @ texts.T).argmax(axis=1) == data.labels[data.held_out]).mean())


def load_core(name: str) -> ModuleType:
    """A module of the project's core."""
    return importlib.import_module(f"{load_package().__name__}.core.{name}")


if __name__ == "__main__":
    main()
