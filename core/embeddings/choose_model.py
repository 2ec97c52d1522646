"""Which of the models on this machine suits these pictures: measured where there are labels, by a rule where not.

With labels, each candidate embeds a sample, and the one whose vectors tell the classes best is taken. Without, the
strongest on photographs is taken, but for small grey drawings on plain ground, such as handwritten digits, for which
the descriptor is. On twelve sets of photographs, digits, letters, drawings, documents, textures and tiles
(`benchmarks/auto_model.py`) only digits were told better by the descriptor than by the network for photographs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.arrays import Array, Facts, Progress
from ..base.inputs import GivenLabels
from ..base.params import ParamError
from ..images.reading import UnreadableImage, box_of, read_images
from ..probes.evidence import evidence
from .models.base import Request
from .models.catalog import ENGINES, open_engine
from .models.here import WORTH_A_DOWNLOAD, Known, strongest_first
from .pipeline import Source, embed_stream, learn

if TYPE_CHECKING:
    from PIL.Image import Image

AUTO = "auto"
PLAIN = "descriptor"
SAMPLE = 200  # pictures that candidates are tried on
CLEARLY = 0.01  # by which another model must tell more to take the place of one that vectors were made with
FEWEST = 40  # of them with labels
LOOK = 48  # pictures that are looked at without labels
MOST_TRIED = 3  # networks beside the descriptor
MOST_ON_CPU = 700  # MB of weights; larger networks take seconds a picture
SMALL, GREY, GROUND = 64, 4.0, 0.4
UNKNOWN = 50.0  # strength of vectors that somebody brought: somebody wanted them
TONES = 33  # levels of brightness that count as one tone


@dataclass(frozen=True)
class Choice:
    """What was taken.

    Attributes:
        model: its name.
        why: a sentence without its full stop.
        compared: model → how well it tells the labels of the sample, in [0.5, 1]; empty where nothing was measured.
        better: a model whose download would be worth it, in words; None where one of its kind is here.
    """

    model: str
    why: str
    compared: dict[str, float]
    better: str | None

    def facts(self) -> Facts:
        """As a run's record keeps it."""
        return {"chosen": {"why": self.why, "compared": self.compared, "better": self.better}}


def choose(
    request: Request,
    paths: Sequence[str],
    labels: GivenLabels | None,
    seed: int,
    progress: Progress,
    before: str | None = None,
) -> Choice:
    """The best model on this machine for these pictures.

    Args:
        request: says where models run; its model is not read.
        paths: image files, or regions of them.
        labels: given labels, where there are any.
        seed: of what engines learn from the sample.
        before: model of the vectors that were made before, which stands where no other is clearly better: a set that
            grows need not be embedded anew.
    """
    here = models_here(request.device)
    better = worth_a_download(here)
    rows = sampled(paths, labels)
    if labels is not None and len(rows) >= FEWEST:
        tried = [*here[:MOST_TRIED], *(one for one in here[MOST_TRIED:] if one.model == PLAIN)]
        compared = {}
        for number, one in enumerate(tried):
            progress(number, len(tried), f"trying {one.model} on {len(rows)} images")
            found = _told(replace(request, model=one.model), [paths[row] for row in rows], labels.codes[rows], seed)
            if found is not None:
                compared[one.model] = round(found, 4)
        if compared:
            model = max(compared, key=lambda name: (compared[name], name != PLAIN))
            if before is not None and compared.get(before, 0.0) >= compared[model] - CLEARLY:
                model = before
            why = _measured(model, compared, len(rows))
            return Choice(model, why, compared, None if model == PLAIN else better)
    looks = [item for item in read_images([paths[row] for row in rows[:LOOK]], look) if isinstance(item, Look)]
    small = bool(looks) and np.mean([one.is_small_drawing for one in looks]) > 0.5
    model = PLAIN if small else here[0].model
    why = (
        "the images are small grey drawings on plain ground, which it tells better than networks for photographs do"
        if small
        else "no labels were there to measure by, and it is the strongest on this machine"
    )
    return Choice(model, why, {}, None if small else better)


def models_here(device: str = "auto") -> list[Known]:
    """All models on this machine that can be chosen, the strongest first; on a CPU none that is too slow for it."""
    from .models.torch_engine import pick_device

    found = strongest_first(known for entry in ENGINES.values() for known in entry.here())
    if pick_device(device) == "cpu":
        return [one for one in found if one.megabytes <= MOST_ON_CPU]
    return found


def worth_a_download(here: Sequence[Known]) -> str | None:
    """A model stronger than all that are here, with size and licence; None where there is one as strong."""
    best = max((one.strength for one in here), default=0.0)
    missing = [one for one in WORTH_A_DOWNLOAD if one.strength > best]
    if not missing:
        return None
    one = missing[0]
    return (
        f"{one.model} ({one.megabytes:,.0f} MB, {one.licence}) would tell photographs better; it needs allow_download"
    )


def sampled(paths: Sequence[str], labels: GivenLabels | None) -> list[int]:
    """Rows to try models on, those with labels where there are any. A set that grows keeps most of its sample."""
    rows = range(len(paths)) if labels is None else np.flatnonzero(labels.codes >= 0).tolist()
    rows = rows if len(rows) or labels is None else range(len(paths))
    if len(rows) <= SAMPLE:
        return list(rows)
    return sorted(rows, key=lambda row: _mark(paths[row]))[:SAMPLE]


def _mark(path: str) -> bytes:
    return hashlib.sha256(f"{path} {box_of(path)}".encode("utf-8", "surrogatepass")).digest()


def _told(request: Request, paths: Sequence[str], codes: Array, seed: int) -> float | None:
    """How well a model's vectors tell the classes; None where it cannot be opened or the labels cannot be judged by."""
    try:
        engine = open_engine(request)
        sources = [_source(path, row) for row, path in enumerate(paths)]
        learn(engine, sources, seed)
        vectors = np.full((len(paths), engine.dim), np.nan, np.float32)
        with closing(embed_stream(engine, sources)) as found:
            for row, vector in found:
                if not isinstance(vector, UnreadableImage):
                    vectors[row] = vector
        good = np.isfinite(vectors).all(axis=1) & vectors.any(axis=1)
        return evidence(vectors[good], codes[good], seed=seed).value
    except ParamError:
        return None


def _source(path: str, row: int) -> Source:
    box = box_of(path)
    return Source(str(path), (row,), None if box is None else (box,))


def _measured(model: str, compared: dict[str, float], n: int) -> str:
    others = sorted((value, name) for name, value in compared.items() if name != model)
    beside = f", {others[-1][1]} by {others[-1][0]:.3f}" if others else ""
    return f"its vectors tell the classes of {n} images by {compared[model]:.3f} of 1{beside}"


@dataclass(frozen=True)
class Look:
    """What a picture looks like.

    Attributes:
        side: pixels of its longer side.
        colour: mean difference of a pixel's largest and smallest channel, of 255.
        ground: share of the pixels that have nearly the commonest brightness.
    """

    side: int
    colour: float
    ground: float

    @property
    def is_small_drawing(self) -> bool:
        """Strokes on plain ground, grey, of few pixels."""
        return self.side <= SMALL and self.colour <= GREY and self.ground >= GROUND


def look(image: Image) -> Look:
    """The look of an RGB picture."""
    pixels: Any = np.asarray(image.resize((64, 64)), dtype=np.int64)
    counts = np.bincount(pixels.mean(axis=2).astype(int).ravel(), minlength=256)
    ground = np.convolve(counts, np.ones(TONES, dtype=int), "same").max() / counts.sum()
    return Look(max(image.size), float((pixels.max(axis=2) - pixels.min(axis=2)).mean()), float(ground))


def best_first(runs: Sequence[Mapping[str, Any]]) -> list[int]:
    """Places of embeddings' runs, the one that others should read first: not the newest one tried, but the best.

    By the strength of its model; but a model that auto measured on this set and found worse than another comes after
    that, and so do all where auto took the descriptor for small drawings. Of equal ones the first given is first.

    Args:
        runs: facts of each: `model`, and `chosen` where auto chose it.
    """
    ranks = [strength_of(str(facts.get("model") or "")) for facts in runs]
    for own, facts in zip(list(ranks), runs, strict=True):
        chosen, model = facts.get("chosen"), facts.get("model")
        if chosen:
            compared = chosen.get("compared") or {}
            for place, other in enumerate(runs):
                by_look = not compared and model == PLAIN and other.get("model") != PLAIN
                if by_look or compared.get(other.get("model"), 1.0) < compared.get(model, 0.0):
                    ranks[place] = min(ranks[place], own - 1)
    return sorted(range(len(runs)), key=lambda place: -ranks[place])


def strength_of(model: str) -> float:
    """As `Known.strength`, whether the model is here or not; its engine's where nothing is known of it."""
    known = {one.model: one.strength for one in WORTH_A_DOWNLOAD}
    entry = ENGINES.get(model.partition(":")[0])
    return known.get(model, entry.strength if entry is not None else UNKNOWN)
