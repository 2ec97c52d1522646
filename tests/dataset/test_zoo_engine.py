"""FiftyOne's zoo models as an engine: random weights where FiftyOne looks for them, no network connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.models.base import Request
from image_curation.core.embeddings.models.catalog import open_engine
from image_curation.dataset.curate import curate

pytestmark = pytest.mark.slow  # loading torch takes seconds


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model zoo of this test's own."""
    import fiftyone as fo

    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "hub" / "checkpoints").mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(folder))
    monkeypatch.setattr(fo.config, "model_zoo_dir", str(folder))
    return folder


def test_zoo__vectors_are_those_of_fiftyone(dataset: Any, zoo: Path) -> None:
    """ResNet18 sees pictures at their own size, so that batches hold pictures of one size at a time."""
    import fiftyone.zoo as foz
    import torch
    from PIL import Image
    from torchvision.models import resnet18

    torch.manual_seed(0)
    torch.save(resnet18().state_dict(), zoo / "resnet18-5c106cde.pth")
    with pytest.raises(ParamError, match="not on this machine"):
        open_engine(Request("zoo:resnet18-imagenet-torch"))
    (zoo / "hub" / "checkpoints" / "resnet18-f37072fd.pth").symlink_to(zoo / "resnet18-5c106cde.pth")
    Image.open(dataset.first().filepath).resize((300, 240)).save(dataset.first().filepath)
    run = curate(dataset, "compute_embeddings", model="zoo:resnet18-imagenet-torch", device="cpu")
    expected = dataset.compute_embeddings(foz.load_zoo_model("resnet18-imagenet-torch"), batch_size=1, num_workers=0)
    np.testing.assert_allclose(np.stack(dataset.values("embeddings")), expected, atol=1e-4)
    assert run.facts["dim"] == 512
    assert len(run.facts["weights_hash"]) == 64


def test_zoo__sentences(zoo: Path) -> None:
    cases = [
        (
            "zoo:resnet18-imagenet",
            None,
            "must name a FiftyOne zoo model; got .*, did you mean zoo:resnet18-imagenet-torch",
        ),
        ("zoo", None, "must name a FiftyOne zoo model; got 'zoo', such as zoo:clip-vit-base32-torch"),
        ("zoo:resnet18-imagenet-torch", "w.pth", "weights must be nothing with a zoo model"),
        (
            "zoo:resnet18-imagenet-torch",
            None,
            r"not on this machine; set allow_download to fetch them from https://pytorch.org/.* \(47 MB\)",
        ),
    ]
    for model, weights, sentence in cases:
        with pytest.raises(ParamError, match=sentence):
            open_engine(Request(model, weights))
