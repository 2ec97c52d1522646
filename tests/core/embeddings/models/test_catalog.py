"""What forms say of models: what for, size, licence, here or not; and licences as the libraries state them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from image_curation.core.base.params import ParamError, domains
from image_curation.core.embeddings.compute_embeddings import EmbeddingsParams, open_engine
from image_curation.core.embeddings.models.base import Request
from image_curation.core.embeddings.models.catalog import explained, licence_of
from image_curation.core.embeddings.models.clip import TINY
from image_curation.core.embeddings.models.here import OFFERED


@pytest.mark.slow
def test_explained__every_model_that_the_form_offers() -> None:
    model = domains(EmbeddingsParams)["model"]
    assert model.explain is explained
    for name in model.suggest:
        assert explained(name).endswith(("on this machine", "would download", "built in", "never downloads"))
    assert explained("photographs").endswith("on this machine")
    assert "not for commercial use" in explained("open_clip:MobileCLIP2-S0/dfndr2b")
    assert explained("nothing:like-that") == ""


@pytest.mark.slow
def test_offered__licences_and_names_are_the_libraries_own() -> None:
    import open_clip
    import timm

    for name, offered in OFFERED.items():
        library, _, model = name.partition(":")
        if library == "timm":
            said = timm.get_pretrained_cfg(model).license
            assert said == offered.licence or (said == "dinov3-license" and "DINOv3" in offered.licence)
        elif not model.startswith("hf-hub:"):
            assert tuple(model.split("/")) in open_clip.list_pretrained()
    assert licence_of("timm:convnext_base.dinov3_lvd1689m") == "dinov3-license"
    assert licence_of("open_clip:ViT-B-32/metaclip_400m").startswith("CC-BY-NC")


@pytest.mark.slow
def test_open_clip__of_the_hub_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository as an earlier download leaves it; one that is not there is named with its size."""
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--some--tiny"
    shutil.copytree(TINY, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    engine = open_engine(Request("open_clip:hf-hub:some/tiny", device="cpu", precision="fp32"))
    said = engine.describe()
    assert (said["model"], engine.dim) == ("open_clip:hf-hub:some/tiny", 64)
    again = open_engine(Request(said["model"], said["weights"], device="cpu", precision="fp32"))
    assert again.describe()["weights_hash"] == said["weights_hash"]
    with pytest.raises(ParamError, match=r"from huggingface\.co/imageomics/bioclip-2 \(1,710 MB"):
        open_engine(Request("open_clip:hf-hub:imageomics/bioclip-2"))
