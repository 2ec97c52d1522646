"""What happens when the memory does not suffice: smaller batches with the same results, and a sentence in the end.

A hook on the networks raises torch's own error for batches above a size, as a small GPU would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.memory import in_halves, is_out_of_memory
from image_curation.core.base.params import ParamError
from image_curation.core.classifiers.classify_images import ClassifyParams, classify_images
from image_curation.core.classifiers.finetune_classifier import finetune_classifier
from image_curation.core.classifiers.finetune_params import FinetuneParams
from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, compute_embeddings
from image_curation.core.explanations.explain import ExplainParams, explain
from PIL import Image

from ..helpers import quadrants

pytestmark = pytest.mark.slow  # loads torch

NO_ROOM = "The GPU has no memory for even one picture at once; choose device cpu, a smaller network"
MODEL = "torchvision:mobilenet_v3_small"


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """40 pictures of four shapes."""
    folder = tmp_path_factory.mktemp("shapes")
    images, codes, _ = quadrants.pictures(40, seed=4)
    paths = [str(folder / f"{number}.png") for number in range(40)]
    for image, path in zip(images, paths, strict=True):
        Image.fromarray(image).save(path)
    return Inputs(n=40, paths=paths, labels=GivenLabels.of([quadrants.SHAPES[code] for code in codes]))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    import torch
    from image_curation.core.classifiers.networks import build

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "network.pth"
    torch.save(build(MODEL, 5).state_dict(), path)
    return str(path)


@contextmanager
def room_for(most: int) -> Iterator[list[int]]:
    """While it lasts, networks hold no more than so many pictures at once; what they were given joins the list."""
    import torch
    from torch.nn.modules.module import register_module_forward_pre_hook

    given: list[int] = []

    def hold(module: Any, args: Any) -> None:
        if type(module).__name__ in ("MobileNetV3", "VisionTransformer"):
            given.append(len(args[0]))
            if given[-1] > most:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    handle = register_module_forward_pre_hook(hold)
    try:
        yield given
    finally:
        handle.remove()


def test_in_halves__a_batch_that_does_not_fit() -> None:
    import torch

    tried: list[int] = []

    def run(batch: Any, most: int) -> Any:
        tried.append(len(batch))
        if len(batch) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return batch * 2

    assert in_halves(lambda part: run(part, 2), np.arange(7)).tolist() == list(range(0, 14, 2))
    assert tried == [7, 3, 1, 2, 4, 2, 2]
    with pytest.raises(ParamError, match=NO_ROOM):
        in_halves(lambda part: run(part, 0), np.arange(4))


def test_is_out_of_memory__other_errors_pass() -> None:
    assert is_out_of_memory(MemoryError("Unable to allocate 3 GiB"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        in_halves(lambda part: (_ for _ in ()).throw(RuntimeError("shapes")), np.arange(4))


def test_compute_embeddings__on_a_small_gpu(shapes: Inputs) -> None:
    params = EmbeddingsParams(model="tiny_clip", batch_size=16)
    whole = compute_embeddings(shapes, params, silent).values[""]
    with room_for(3) as given:
        parted = compute_embeddings(shapes, params, silent).values[""]
    assert max(given[-4:]) <= 3
    np.testing.assert_allclose(parted, whole, atol=1e-5)
    with room_for(0), pytest.raises(ParamError, match=NO_ROOM):
        compute_embeddings(shapes, params, silent)


def test_finetune_classifier__on_a_small_gpu(shapes: Inputs, weights: str) -> None:
    """Parts of a batch add up to its gradient, for the normalisations keep their statistics."""
    params = FinetuneParams(model=MODEL, weights=weights, side=32, batch_size=16, epochs=1)
    whole = finetune_classifier(shapes, params, silent)
    with room_for(5) as given:
        parted = finetune_classifier(shapes, params, silent)
    assert sum(size > 5 for size in given) == 2, "16 and 8 are tried once; the rest is done with 4"
    np.testing.assert_allclose(
        parted.values["prediction"].logits, whole.values["prediction"].logits, atol=1e-3, rtol=1e-3
    )
    with room_for(0), pytest.raises(ParamError, match=NO_ROOM):
        finetune_classifier(shapes, params, silent)


@pytest.mark.parametrize("method", ["grad_cam", "attention", "patches"])
def test_explain__on_a_small_gpu(shapes: Inputs, weights: str, method: str) -> None:
    model: dict[str, Any] = {"model": MODEL, "weights": weights} if method == "grad_cam" else {"model": "tiny_clip"}
    classes = ("class 1", "class 2") if method == "grad_cam" else ("seven", "one")
    params = ExplainParams(**model, method=method, target="named", classes=classes, batch_size=4, checked=1)
    some = Inputs(n=4, paths=shapes.paths[:4])
    whole = explain(some, params, silent).values
    with room_for(3):
        parted = explain(some, params, silent).values
    for name in ("heatmap", "heatmap_2"):
        assert np.abs(parted[name].maps.astype(int) - whole[name].maps.astype(int)).max() <= 1
    with room_for(0), pytest.raises(ParamError, match=NO_ROOM):
        explain(some, params, silent)


def test_classify_images__on_a_small_gpu(shapes: Inputs, weights: str) -> None:
    params = ClassifyParams(model=MODEL, weights=weights)
    whole = classify_images(shapes, params, silent).values["prediction"]
    with room_for(3):
        parted = classify_images(shapes, params, silent).values["prediction"]
    np.testing.assert_allclose(parted.logits, whole.logits, atol=1e-4)
    with room_for(0), pytest.raises(ParamError, match=NO_ROOM):
        classify_images(shapes, params, silent)
