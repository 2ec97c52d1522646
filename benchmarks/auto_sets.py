"""Twelve sets of pictures, photographs and others, each with a class per picture, which `auto_model.py` runs on.

Six served to find the rule, six were used for nothing else. Those marked "made" are drawn here or cut out of pictures
that scikit-image ships; `shared` ones are real data beside the checkout, left out where it is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED
from PIL import Image, ImageDraw, ImageFont

Pictures = Iterator[tuple[Any, str]]


@dataclass(frozen=True)
class Set:
    """Pictures with their classes.

    Attributes:
        make: yields pictures and classes.
        kind: what they show.
        held_out: it was used for nothing but the figures.
    """

    make: Callable[[], Pictures]
    kind: str
    held_out: bool


def cifar() -> Pictures:
    """1,000 small photographs of ten things."""
    with np.load(SHARED / "cifar10n" / "cifar10n_5k.npz", allow_pickle=False) as arrays:
        for pixels, code in zip(arrays["images"][:1000], arrays["clean"][:1000], strict=True):
            yield Image.fromarray(pixels), str(arrays["class_names"][code])


def insects() -> Pictures:
    """397 photographs of ants and bees."""
    for path in sorted((SHARED / "hymenoptera" / "hymenoptera_data").glob("*/*/*.jpg")):
        yield Image.open(path).convert("RGB"), path.parent.name


def street() -> Pictures:
    """256 photographs of everyday scenes: is a person in it?"""
    folder = SHARED / "coco256"
    for line in (folder / "labels.csv").read_text().splitlines()[1:]:
        path, classes, _ = line.split(",")
        yield Image.open(folder / path).convert("RGB"), "person" if "person" in classes.split("|") else "none"


def mnist() -> Pictures:
    """1,000 handwritten digits of 28 pixels."""
    with np.load(SHARED / "label_errors" / "mnist_test.npz", allow_pickle=False) as arrays:
        for pixels, code in zip(arrays["images"][:1000], arrays["labels"][:1000], strict=True):
            yield Image.fromarray(pixels), str(code)


def digits() -> Pictures:
    """1,000 handwritten digits of 8 pixels, as scikit-learn ships them."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    for pixels, code in zip(found.images[:1000], found.target[:1000], strict=True):
        yield Image.fromarray((pixels * 15.9).astype(np.uint8)).resize((64, 64)), str(code)


def faces() -> Pictures:
    """200 grey cuttings of 25 pixels: a face, or none."""
    from skimage.data import lfw_subset

    for number, pixels in enumerate(lfw_subset()):
        yield Image.fromarray((255 * pixels).clip(0, 255).astype(np.uint8)), "face" if number < 100 else "none"


def letters() -> Pictures:
    """Made: 26 letters in the fonts that matplotlib ships, at several sizes and slants."""
    from matplotlib import font_manager

    rng = np.random.default_rng(0)
    fonts = [path for path in font_manager.findSystemFonts(_fonts()) if "DejaVu" in path or "STIXGeneral" in path]
    for letter in "abcdefghijklmnopqrstuvwxyz":
        for path in sorted(fonts):
            for _ in range(2):
                image = Image.new("L", (96, 96), 255)
                font = ImageFont.truetype(path, int(rng.integers(40, 72)))
                at = (20 + rng.integers(-8, 9), 8 + rng.integers(-8, 9))
                ImageDraw.Draw(image).text(at, letter, fill=0, font=font)
                yield image.rotate(float(rng.normal(0, 6)), fillcolor=255), letter


def drawings() -> Pictures:
    """Made: line drawings of eight things, shaky, at any place and size, on white."""
    rng = np.random.default_rng(1)
    for kind in ("house", "sun", "tree", "fish", "star", "boat", "face", "car"):
        for _ in range(60):
            yield _drawn(kind, rng), kind


def documents() -> Pictures:
    """Made: pages of six layouts, printed with invented words."""
    rng = np.random.default_rng(2)
    for kind in ("letter", "table", "list", "form", "columns", "chart"):
        for _ in range(60):
            yield _page(kind, rng), kind


def textures() -> Pictures:
    """Made: cuttings of seven surfaces that scikit-image ships, turned and of any brightness."""
    yield from _cuttings(("brick", "grass", "gravel", "moon", "coins", "text", "camera"), 60, 96, 3)


def microscopy() -> Pictures:
    """Made: cuttings of tissue, a retina, cells and stars, each in four quarters that are told apart."""
    yield from _cuttings(("immunohistochemistry", "retina", "cell", "hubble_deep_field", "microaneurysms"), 60, 64, 4)


def tiles() -> Pictures:
    """Made: land from above, drawn: fields, wood, water, town, bare ground, roads."""
    rng = np.random.default_rng(5)
    for kind in ("fields", "wood", "water", "town", "bare", "road"):
        for _ in range(60):
            yield _tile(kind, rng), kind


SETS = {
    "cifar": Set(cifar, "photographs", False),
    "insects": Set(insects, "photographs", False),
    "mnist": Set(mnist, "digits", False),
    "letters": Set(letters, "drawings", False),
    "documents": Set(documents, "documents", False),
    "textures": Set(textures, "textures", False),
    "street": Set(street, "photographs", True),
    "faces": Set(faces, "photographs", True),
    "digits": Set(digits, "digits", True),
    "drawings": Set(drawings, "drawings", True),
    "microscopy": Set(microscopy, "textures", True),
    "tiles": Set(tiles, "tiles", True),
}


def written(name: str, folder: Path) -> tuple[list[str], list[str]]:
    """Paths and classes of a set, written as files; none where its data are missing."""
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    paths, classes = [], []
    try:
        for number, (image, label) in enumerate(SETS[name].make()):
            path = folder / f"{number:05d}.png"
            if not path.exists():
                image.save(path, compress_level=1)
            paths.append(str(path))
            classes.append(label)
    except FileNotFoundError:
        return [], []
    return paths, classes


def _fonts() -> str:
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf")


def _cuttings(names: tuple[str, ...], each: int, side: int, seed: int) -> Pictures:
    from skimage import data

    rng = np.random.default_rng(seed)
    for name in names:
        whole = Image.fromarray(getattr(data, name)()).convert("RGB")
        for _ in range(each):
            wide = int(rng.integers(side, min(2 * side, whole.width, whole.height)))
            left, top = rng.integers(0, whole.width - wide + 1), rng.integers(0, whole.height - wide + 1)
            cut = whole.crop((left, top, left + wide, top + wide)).resize((side, side))
            pixels = np.asarray(cut.rotate(90 * int(rng.integers(4))), float)
            yield Image.fromarray((pixels * rng.uniform(0.6, 1.2)).clip(0, 255).astype(np.uint8)), name


def _shaky(draw: Any, points: Any, rng: Any, closed: bool = False) -> None:
    points = [tuple(np.asarray(p, float) + rng.normal(0, 1.5, 2)) for p in points]
    draw.line([*points, points[0]] if closed else points, fill=0, width=3)


def _drawn(kind: str, rng: Any) -> Any:
    image = Image.new("L", (128, 128), 255)
    draw = ImageDraw.Draw(image)

    def ring(x: float, y: float, r: float, corners: int = 14, squeeze: float = 1.0) -> list[tuple[float, float]]:
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        return [(x + r * np.cos(a), y + squeeze * r * np.sin(a)) for a in angles]

    if kind == "house":
        _shaky(draw, [(35, 60), (35, 100), (90, 100), (90, 60)], rng, True)
        _shaky(draw, [(30, 60), (62, 30), (95, 60)], rng)
        _shaky(draw, [(55, 100), (55, 78), (70, 78), (70, 100)], rng)
    elif kind == "sun":
        _shaky(draw, ring(64, 64, 20), rng, True)
        for a in np.linspace(0, 2 * np.pi, 10):
            _shaky(draw, [(64 + r * np.cos(a), 64 + r * np.sin(a)) for r in (26, 42)], rng)
    elif kind == "tree":
        _shaky(draw, [(60, 110), (60, 70)], rng)
        _shaky(draw, [(68, 110), (68, 70)], rng)
        _shaky(draw, ring(64, 48, 26, 10), rng, True)
    elif kind == "fish":
        _shaky(draw, ring(58, 64, 30, squeeze=0.5), rng, True)
        _shaky(draw, [(88, 64), (108, 48), (108, 80)], rng, True)
        _shaky(draw, ring(42, 60, 3, 6), rng, True)
    elif kind == "star":
        angles = np.linspace(-np.pi / 2, 1.5 * np.pi, 10, endpoint=False)
        _shaky(
            draw,
            [(64 + r * np.cos(a), 64 + r * np.sin(a)) for a, r in zip(angles, [40, 17] * 5, strict=True)],
            rng,
            True,
        )
    elif kind == "boat":
        _shaky(draw, [(25, 85), (45, 105), (85, 105), (103, 85)], rng, True)
        _shaky(draw, [(64, 85), (64, 28), (95, 78), (64, 78)], rng)
    elif kind == "face":
        _shaky(draw, ring(64, 64, 38), rng, True)
        for x in (50, 78):
            _shaky(draw, ring(x, 54, 4, 6), rng, True)
        _shaky(draw, [(48, 78), (58, 86), (70, 86), (80, 78)], rng)
    else:
        _shaky(draw, [(20, 88), (20, 70), (40, 68), (52, 50), (84, 50), (94, 68), (110, 72), (110, 88)], rng, True)
        for x in (42, 90):
            _shaky(draw, ring(x, 90, 9), rng, True)
    size = int(rng.integers(60, 128))
    out = Image.new("L", (128, 128), 255)
    small = image.rotate(float(rng.normal(0, 12)), fillcolor=255).resize((size, size))
    out.paste(small, (int(rng.integers(0, 129 - size)), int(rng.integers(0, 129 - size))))
    return out


def _words(rng: Any, count: int) -> str:
    parts = ("lo", "ra", "mi", "sun", "ter", "do", "ven", "qua", "pi", "est", "al", "ni")
    return " ".join("".join(rng.choice(parts, rng.integers(1, 4))) for _ in range(count))


def _page(kind: str, rng: Any) -> Any:
    image = Image.new("L", (240, 320), int(rng.integers(235, 256)))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(int(rng.integers(8, 12)))
    top, left = int(rng.integers(15, 50)), int(rng.integers(12, 40))

    def lines(x: int, y: int, count: int, words: int, step: int = 13) -> None:
        for number in range(count):
            draw.text((x, y + step * number), _words(rng, words), fill=20, font=font)

    if kind == "letter":
        lines(140, top, 3, 2)
        lines(left, top + 70, int(rng.integers(8, 14)), 6)
    elif kind == "table":
        rows, step = int(rng.integers(6, 14)), 18
        for row in range(rows + 1):
            draw.line([(left, top + step * row), (225, top + step * row)], fill=60)
        for column in range(5):
            x = left + column * (225 - left) // 4
            draw.line([(x, top), (x, top + step * rows)], fill=60)
            for row in range(rows):
                draw.text((x + 3, top + step * row + 3), str(rng.integers(1, 9999)), fill=20, font=font)
    elif kind == "list":
        for row in range(int(rng.integers(5, 12))):
            draw.ellipse([left, top + 22 * row + 3, left + 5, top + 22 * row + 8], fill=20)
            draw.text((left + 12, top + 22 * row), _words(rng, int(rng.integers(2, 5))), fill=20, font=font)
    elif kind == "form":
        for row in range(int(rng.integers(5, 9))):
            draw.text((left, top + 30 * row), _words(rng, 1), fill=20, font=font)
            draw.rectangle([left + 70, top + 30 * row, 220, top + 30 * row + 16], outline=60)
    elif kind == "columns":
        lines(left, top, 18, 2)
        lines(130, top, 18, 2)
    else:
        draw.line([(left, top), (left, 250), (220, 250)], fill=20, width=2)
        for number in range(int(rng.integers(4, 9))):
            high = int(rng.integers(20, 200 - top))
            draw.rectangle([left + 10 + 22 * number, 250 - high, left + 24 + 22 * number, 250], fill=110)
        lines(left, 262, 2, 5)
    return image.rotate(float(rng.normal(0, 1.5)), fillcolor=245)


def _tile(kind: str, rng: Any) -> Any:
    side = 96
    ground = {
        "fields": (120, 140, 70),
        "wood": (45, 75, 40),
        "water": (40, 70, 95),
        "town": (120, 115, 110),
        "bare": (160, 140, 110),
        "road": (115, 125, 80),
    }[kind]
    base = np.array(ground, float) * rng.uniform(0.7, 1.3) + rng.normal(0, 14, 3)
    noise = _clouds(rng, side, {"wood": 0.6, "water": 1.6, "bare": 1.2}.get(kind, 1.0))
    strength = {"wood": 26, "water": 7, "bare": 14}.get(kind, 10)
    pixels = base + strength * noise[:, :, None] + rng.normal(0, 3, (side, side, 1))
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    if kind == "fields":
        for x in range(0, side, int(rng.integers(18, 40))):
            for y in range(0, side, int(rng.integers(18, 40))):
                colour = tuple(int(c) for c in (base + rng.normal(0, 22, 3)).clip(0, 255))
                draw.rectangle([x, y, x + 38, y + 38], fill=colour, outline=tuple(c // 2 for c in colour))
    elif kind == "town":
        for _ in range(int(rng.integers(25, 60))):
            x, y = rng.integers(0, side, 2)
            w, h = rng.integers(5, 16, 2)
            draw.rectangle([x, y, x + w, y + h], fill=tuple(int(c) for c in rng.integers(90, 220, 3)))
    elif kind == "road":
        for _ in range(int(rng.integers(1, 3))):
            (x, y), (u, v) = rng.integers(0, side, (2, 2))
            ends = [(x - 4 * (u - x), y - 4 * (v - y)), (u + 4 * (u - x), v + 4 * (v - y))]
            draw.line(ends, fill=(90, 90, 92), width=int(rng.integers(4, 9)))
    return image.rotate(90 * int(rng.integers(4)))


def _clouds(rng: Any, side: int, slope: float) -> Any:
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    frequency[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) / frequency**slope).real
    return (field - field.mean()) / field.std()
