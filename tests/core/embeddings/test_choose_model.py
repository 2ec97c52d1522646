"""Which model auto takes: measured where there are labels, by a rule where not; and which vectors others read first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.choose_model import (
    SAMPLE,
    best_first,
    choose,
    look,
    models_here,
    sampled,
    worth_a_download,
)
from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings
from image_curation.core.embeddings.models.base import Request
from image_curation.core.embeddings.models.here import Known
from image_curation.core.images.digits import NAMES, load_digits, picture
from PIL import Image

NETWORK, PLAIN = "photographs", "descriptor"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """Sixty handwritten digits of 64 pixels: zeros and sevens."""
    folder, found = tmp_path_factory.mktemp("digits"), load_digits()
    rows = [row for row, code in enumerate(found.labels) if code in (0, 7)][:60]
    for row in rows:
        picture(found.grids[row]).save(folder / f"{row}.png")
    return [str(folder / f"{row}.png") for row in rows], [NAMES[found.labels[row]] for row in rows]


@pytest.fixture(scope="module")
def cats_and_cups(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """Sixty photographs: halves of a cat and of a cup, mirrored, darkened and in grey, so that colour tells nothing."""
    from skimage import data

    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for name in ("chelsea", "coffee"):
        whole = Image.fromarray(getattr(data, name)()).convert("L").convert("RGB")
        for number in range(30):
            wide, high = (int(side * rng.uniform(0.5, 0.9)) for side in whole.size)
            left, top = int(rng.integers(whole.width - wide)), int(rng.integers(whole.height - high))
            cut = np.asarray(whole.crop((left, top, left + wide, top + high)).resize((160, 160)), float)
            cut = cut[:, :: (-1) ** number] * rng.uniform(0.5, 1.2)
            Image.fromarray(cut.clip(0, 255).astype(np.uint8)).save(folder / f"{name}_{number}.png")
    paths = sorted(str(path) for path in folder.iterdir())
    return paths, [Path(path).name.partition("_")[0] for path in paths]


@pytest.mark.slow
def test_choose__photographs_by_labels_and_without(cats_and_cups: tuple[list[str], list[str]]) -> None:
    paths, labels = cats_and_cups
    measured = choose(Request("auto", device="cpu"), paths, GivenLabels.of(labels), 51, silent)
    assert measured.compared[NETWORK] >= measured.compared[PLAIN], "where both tell all, the network is taken"
    assert measured.model == NETWORK
    assert "tell the classes of 60 images by" in measured.why
    assert "descriptor by" in measured.why
    again = choose(Request("auto", device="cpu"), paths, GivenLabels.of(labels), 51, silent, before=PLAIN)
    stands = again.compared[PLAIN] >= again.compared[NETWORK] - 0.01
    assert again.model == (PLAIN if stands else NETWORK)
    alone = choose(Request("auto", device="cpu"), paths, None, 51, silent)
    assert (alone.model, alone.compared) == (NETWORK, {})
    assert alone.why == "no labels were there to measure by, and it is the strongest on this machine"


@pytest.mark.slow
def test_compute_embeddings__says_what_it_took_and_why(digits: tuple[list[str], list[str]], tmp_path: Path) -> None:
    """Small drawings on plain ground; too few labels to measure by change nothing, and neither does a broken file."""
    (tmp_path / "broken.png").write_text("no picture")
    paths = [*digits[0], str(tmp_path / "broken.png")]
    few = GivenLabels.of([*digits[1][:20], *[None] * 41])
    inputs = Inputs(n=61, ids=paths, paths=paths, named={"label_field": few})
    found = compute_embeddings(inputs, EmbeddingsParams(device="cpu"), silent)
    assert found.facts["model"] == PLAIN
    assert found.facts["unreadable"] == 1
    assert found.facts["chosen"]["better"] is None
    assert found.facts["headline"].startswith("60 images embedded in 128 dimensions by descriptor; 1 cannot be read; ")
    assert "small grey drawings on plain ground" in found.facts["headline"]
    with pytest.raises(ParamError, match=r"^EmbeddingsParams\.weights must be nothing where model is auto"):
        compute_embeddings(inputs, EmbeddingsParams(weights=paths[0]), silent)


def test_sampled__keeps_most_of_a_set_that_grows() -> None:
    """A tenth more pictures replace about a tenth of the sample; rows without labels are not in it."""
    paths = [f"/{number}.png" for number in range(1_100)]
    before, after = (set(sampled(paths[:n], None)) for n in (1_000, 1_100))
    assert len(before) == len(after) == SAMPLE
    assert len(before & after) > 0.8 * SAMPLE
    labels = GivenLabels.of(["a" if number % 2 else None for number in range(1_000)])
    assert all(row % 2 for row in sampled(paths[:1_000], labels))
    assert len(sampled(paths[:30], GivenLabels.of([None] * 30))) == 30


def test_look__strokes_on_paper_and_what_is_none(digits: tuple[list[str], list[str]]) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (40, 40)).astype(np.uint8)
    assert look(Image.open(digits[0][0]).convert("RGB")).is_small_drawing
    assert not look(Image.fromarray(noise).convert("RGB")).is_small_drawing, "no ground"
    assert not look(Image.new("RGB", (40, 40), "green")).is_small_drawing, "colour"
    assert not look(Image.new("RGB", (400, 400), "white")).is_small_drawing, "large"


def test_models_here__the_box_and_the_descriptor_are_always_there() -> None:
    names = [one.model for one in models_here("cpu")]
    assert names.index(NETWORK) < names.index(PLAIN)


def test_worth_a_download__names_size_and_licence_unless_one_as_strong_is_here() -> None:
    said = worth_a_download([Known(PLAIN, 30, 0, "none")])
    assert said is not None
    assert said.startswith("open_clip:ViT-B-32/laion2b_s34b_b79k (605 MB, MIT) would tell photographs better")
    assert worth_a_download([Known("another", 99, 0, "MIT")]) is None


@pytest.mark.parametrize(
    ("runs", "first"),
    [
        ([{"model": "tiny_clip"}, {"model": PLAIN}, {"model": NETWORK}], NETWORK),  # newest first, as they are listed
        ([{"model": PLAIN}, {"model": "open_clip:ViT-B-32/openai"}], "open_clip:ViT-B-32/openai"),
        (
            [{"model": NETWORK}, {"model": PLAIN, "chosen": {"compared": {PLAIN: 0.99, NETWORK: 0.98}}}],
            PLAIN,  # measured on this very set
        ),
        ([{"model": NETWORK}, {"model": PLAIN, "chosen": {"compared": {}}}], PLAIN),  # small drawings
        ([{}, {"model": NETWORK}], NETWORK),
    ],
)
def test_best_first__is_not_the_newest(runs: list[dict[str, Any]], first: str) -> None:
    assert runs[best_first(runs)[0]]["model"] == first
