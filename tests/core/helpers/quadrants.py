"""Pictures with a shape or a digit in a known quadrant, and a small network that learns to name the shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from image_curation.core.base.arrays import Array
from image_curation.core.classifiers.networks import Frame, Network

SIDE = 48
SHAPES = ("stripes", "bars", "checks", "disc")
FRAME = Frame(SIDE, SIDE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def pictures(n: int, seed: int) -> tuple[Array, Array, Array]:
    """(n, 48, 48, 3) uint8, (n,) shapes and (n,) quadrants: 0 top left, 1 top right, 2 bottom left, 3 bottom right."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16]
    patterns = [y // 2 % 2, x // 2 % 2, (x // 2 + y // 2) % 2, (x - 7.5) ** 2 + (y - 7.5) ** 2 < 49]
    images = rng.normal(128, 25, (n, SIDE, SIDE, 3))
    shapes, quadrants = rng.integers(0, 4, n), rng.integers(0, 4, n)
    for image, shape, quadrant in zip(images, shapes, quadrants, strict=True):
        top, left = 24 * (quadrant // 2) + rng.integers(1, 8), 24 * (quadrant % 2) + rng.integers(1, 8)
        image[top : top + 16, left : left + 16] += 90 * (2 * patterns[shape][:, :, None] - 1)
    return np.clip(images, 0, 255).astype(np.uint8), shapes, quadrants


def batch_of(images: Array) -> Array:
    """(n, 3, 48, 48) float32."""
    return np.stack([FRAME.normalised(image) for image in images])


def lit(maps: Array) -> Array:
    """(n,) the quadrant that holds most of each map."""
    return np.asarray(energy(maps).argmax(axis=1))


def energy(maps: Array) -> Array:
    """(n, 4) how much of each map each quadrant holds."""
    n, h, w = maps.shape
    return np.asarray(maps.reshape(n, 2, h // 2, 2, w // 2).sum(axis=(2, 4)).reshape(n, 4))


def train(module: Any, steps: int, rate: float, seed: int = 0) -> None:
    """Teach the module to name shapes by Adam, written out: `torch.optim` takes ten seconds to import."""
    import torch

    images, shapes, _ = pictures(1500, seed)
    x, y = torch.from_numpy(batch_of(images)), torch.from_numpy(shapes)
    weights = list(module.parameters())
    first, second = [torch.zeros_like(w) for w in weights], [torch.zeros_like(w) for w in weights]
    rng = np.random.default_rng(seed)
    module.train()
    for step in range(1, steps + 1):
        rows = torch.from_numpy(rng.integers(0, len(x), 40))
        loss = torch.nn.functional.cross_entropy(module(x[rows]), y[rows])
        slopes = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for w, slope, m, v in zip(weights, slopes, first, second, strict=True):
                m.mul_(0.9).add_(slope, alpha=0.1)
                v.mul_(0.99).addcmul_(slope, slope, value=0.01)
                w -= rate * (1 - step / steps) * (m / (1 - 0.9**step)) / ((v / (1 - 0.99**step)).sqrt() + 1e-8)
    module.eval().requires_grad_(False)


def trained_cnn() -> Network:
    """A convolutional network that ends in an average over places and one linear layer."""
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU(),
                nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
                nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU(),
            )  # fmt: skip
            self.fc = nn.Linear(32, 4)

        def forward(self, x: Any) -> Any:
            return self.fc(self.features(x).mean(dim=(2, 3)))

    module = Small()
    train(module, steps=70, rate=1e-2)
    return Network(module, module.features, SHAPES, FRAME, {"model": "small", "device": "cpu"})


def digits_in_quadrants(
    n: int, seed: int = 0, sides: tuple[int, int] = (12, 16), grain: float = 0.0
) -> tuple[list[Any], Array, Array]:
    """n pictures of 32 pixels with a held-out digit somewhere in one quadrant, the digits, and the quadrants.

    Args:
        sides: smallest and largest side of the digits; beyond 16 they spill over into other quadrants.
        grain: deviation of the noise, as a share of white.
    """
    from image_curation.core.images.digits import load_digits, picture
    from PIL import Image

    digits, rng = load_digits(), np.random.default_rng(seed)
    rows = rng.choice(np.flatnonzero(digits.held_out), n, replace=False)
    quadrants = rng.integers(0, 4, n)
    found = []
    for row, quadrant in zip(rows, quadrants, strict=True):
        side = int(rng.integers(sides[0], sides[1] + 1))
        left, top = (
            min(16 * int(half) + int(rng.integers(0, max(16 - side, 0) + 1)), 32 - side)
            for half in (quadrant % 2, quadrant // 2)
        )
        paper = Image.new("RGB", (32, 32), "white")
        paper.paste(picture(digits.grids[row]).resize((side, side)), (left, top))
        pixels = np.asarray(paper) + rng.normal(0, 255 * grain, (32, 32, 1))
        found.append(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))
    return found, digits.labels[rows], quadrants


def two_digits(n: int, seed: int = 0) -> tuple[list[Any], Array, Array]:
    """n pictures with two different held-out digits, the first of them, and the (n, 2) quadrants of both."""
    from image_curation.core.images.digits import load_digits, picture
    from PIL import Image

    digits, rng = load_digits(), np.random.default_rng(seed)
    held = np.flatnonzero(digits.held_out)
    found, first, places = [], [], []
    while len(found) < n:
        pair, quadrants = rng.choice(held, 2, replace=False), rng.choice(4, 2, replace=False)
        if digits.labels[pair[0]] == digits.labels[pair[1]]:
            continue
        paper = Image.new("RGB", (32, 32), "white")
        for row, quadrant in zip(pair, quadrants, strict=True):
            paper.paste(picture(digits.grids[row]).resize((16, 16)), (16 * (quadrant % 2), 16 * (quadrant // 2)))
        found.append(paper)
        first.append(digits.labels[pair[0]])
        places.append(quadrants)
    return found, np.array(first), np.array(places)
