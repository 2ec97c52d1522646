"""CLIP models through open_clip: pictures and texts in one space.

Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision, arXiv:2103.00020;
Cherti et al. 2022, Reproducible scaling laws for contrastive language-image learning, arXiv:2212.07143.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..method import Array, Facts
from ..params import ParamError
from .base import Request, TextEngine, checkpoint_in, local_path, sha256_of, unit_rows
from .torch_device import consent, fetch_failed, forward, loading, pick_device, pick_precision, require

if TYPE_CHECKING:
    from PIL.Image import Image

CONFIG = "open_clip_config.json"
TINY = Path(__file__).resolve().parents[2] / "models" / "tiny_clip"
PREFERRED = ("laion2b_s34b_b79k", "datacomp_xl_s13b_b90k", "laion2b_s32b_b82k", "openai")


class ClipEngine(TextEngine):
    """`open_clip:<model>/<weights>`, `open_clip:<model>` with a local checkpoint, or `open_clip` with a local folder
    that holds a checkpoint and its `open_clip_config.json`."""

    def __init__(self, request: Request) -> None:
        require("open_clip", "open_clip_torch")
        self._request = request
        name, tag, weights = _locate(request)
        self._load(name, tag, weights, f"open_clip:{name}" + (f"/{tag}" if tag else ""))

    def _load(self, name: str, tag: str | None, weights: Path, model: str) -> None:
        """Build the model and fill it.

        Args:
            name: an architecture that open_clip knows; unused where `weights` is a folder with a configuration.
            tag: pretrained weights' name, which decides how pictures are prepared.
            weights: file or folder.
            model: what the run record calls it.
        """
        import open_clip
        from open_clip.transform import PreprocessCfg, image_transform_v2

        self._model_name = model
        self._device = pick_device(self._request.device)
        self._precision = pick_precision(self._request.precision, self._device)
        self._weights = weights
        self._source = f"local-dir:{weights}" if (weights / CONFIG).is_file() else name
        self._checkpoint = checkpoint_in(weights)
        known: Any = open_clip.get_pretrained_cfg(name, tag) if tag else {}
        with loading(model, weights):
            config = open_clip.get_model_config(self._source)
            self.dim = int(config["embed_dim"])
            self._tokenizer_name = config["text_cfg"].get("hf_tokenizer_name")
            network = open_clip.create_model(
                self._source,
                pretrained=None if self._source.startswith("local-dir:") else str(self._checkpoint),
                force_quick_gelu=bool(known.get("quick_gelu", False)),
                force_preprocess_cfg={
                    key: known[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in known
                },
            )
        network.eval().requires_grad_(False)
        self.logit_scale = float(network.logit_scale.exp())
        self._transform = image_transform_v2(PreprocessCfg(**network.visual.preprocess_cfg), is_train=False)
        size = network.visual.image_size
        self.enough = min(size) if isinstance(size, tuple) else int(size)
        if self._precision == "bf16":
            network.bfloat16()
        self._network = network.to(self._device)

    def prepare(self, image: Image) -> Array:
        """RGB picture → (3, h, w) float32, resized and normalised as the model was trained."""
        return np.asarray(self._transform(image).numpy())

    def embed(self, batch: Array) -> Array:
        """(b, 3, h, w) → (b, dim) float32 of unit length."""
        return unit_rows(forward(self._network.encode_image, batch, self._device, self._precision))

    def embed_text(self, texts: list[str]) -> Array:
        """(m,) texts → (m, dim) float32 of unit length."""
        import torch

        tokenizer = self._tokenizer()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), 256):
                tokens = tokenizer(texts[start : start + 256]).to(self._device)
                parts.append(self._network.encode_text(tokens).float().cpu().numpy())
        return unit_rows(np.concatenate(parts))

    def describe(self) -> Facts:
        """See `Engine`."""
        return {
            "model": self._model_name,
            "weights": str(self._weights),
            "weights_hash": sha256_of(self._checkpoint),
            "device": self._device,
            "precision": self._precision,
            "text": True,
        }

    def _tokenizer(self) -> Any:
        """The model's own. Ours lies beside its weights; others come with open_clip or, a few, from the hub.

        Raises:
            ParamError: it is on the hub only and may not be fetched, or its library is missing.
        """
        import open_clip

        merges = self._weights / "bpe.txt.gz"
        if merges.is_file():
            return open_clip.get_tokenizer(self._source, bpe_path=str(merges))
        if self._tokenizer_name is None:
            return open_clip.get_tokenizer(self._source)
        local = {} if self._request.allow_download else {"local_files_only": True}
        try:
            return open_clip.get_tokenizer(self._source, **local)
        except ImportError:
            raise ParamError(
                f"The text encoder of {self._model_name} needs another library: pip install transformers sentencepiece"
            ) from None
        except (OSError, ValueError) as error:
            raise ParamError(
                f"The tokenizer of {self._model_name} ({self._tokenizer_name}) is not on this machine; set "
                f"allow_download to fetch it from huggingface.co (a few MB), or choose a model with open_clip's own "
                f"tokenizer, such as open_clip:ViT-B-32/laion2b_s34b_b79k ({str(error).splitlines()[0]})"
            ) from None


class TinyClipEngine(ClipEngine):
    """`tiny_clip`: the small CLIP in `models/tiny_clip`, which knows handwritten digits and nothing else."""

    def __init__(self, request: Request) -> None:
        request.refuse_variant()
        require("open_clip", "open_clip_torch")
        # so small that casting costs more than bf16 saves
        self._request = replace(request, precision="fp32") if request.precision == "auto" else request
        folder = TINY if request.weights is None else local_path(request.weights)
        if not (folder / CONFIG).is_file():
            raise ParamError(
                f"EmbeddingsParams.weights must be a folder with {CONFIG} for model 'tiny_clip'; got {str(folder)!r}"
            )
        self._load("tiny_clip", None, folder, "tiny_clip")


def _locate(request: Request) -> tuple[str, str | None, Path]:
    """Architecture, tag and where the weights lie, fetched if they may be.

    Raises:
        ParamError: unknown model or tag, no such path, or weights not here.
    """
    import open_clip

    name, _, given_tag = request.variant.partition("/")
    tag: str | None = given_tag or None
    if request.weights is not None:
        path = local_path(request.weights)
        if (path / CONFIG).is_file():
            return name or path.resolve().name, None, path
        if path.is_dir():
            path = checkpoint_in(path)
        _check_name(name, tag, request)
        return name, tag, path
    _check_name(name, tag, request)
    tags = open_clip.list_pretrained_tags_by_model(name)
    if not tags:
        raise ParamError(
            f"open_clip publishes no weights for {name}; set EmbeddingsParams.weights to a checkpoint on this machine"
        )
    wanted = [tag] if tag else sorted(tags, key=lambda t: PREFERRED.index(t) if t in PREFERRED else len(PREFERRED))
    for choice in wanted:
        cached = _cached(open_clip.get_pretrained_cfg(name, choice))
        if cached is not None:
            return name, choice, cached
    return name, wanted[0], _fetch(name, wanted[0], request)


def _check_name(name: str, tag: str | None, request: Request) -> None:
    import difflib

    import open_clip

    models = open_clip.list_models()
    if name not in models:
        near = difflib.get_close_matches(name, models, n=1)
        hint = f"did you mean open_clip:{near[0]}?" if near else "such as open_clip:ViT-B-32/laion2b_s34b_b79k"
        raise ParamError(
            f"EmbeddingsParams.model must name an open_clip model, or weights be a folder with {CONFIG}; "
            f"got {request.model!r}, {hint}"
        )
    if tag is not None and not open_clip.get_pretrained_cfg(name, tag):
        tags = open_clip.list_pretrained_tags_by_model(name)
        near = difflib.get_close_matches(tag, tags, n=1, cutoff=0.0)
        hint = f"did you mean open_clip:{name}/{near[0]}?" if near else "it has none"
        raise ParamError(f"EmbeddingsParams.model must name weights that {name} has; got {request.model!r}, {hint}")
    hub = open_clip.get_model_config(name)["text_cfg"].get("hf_model_name")
    if hub and not request.allow_download:
        raise consent(
            f"open_clip:{name}'s text encoder",
            f"huggingface.co/{hub}",
            "a few MB",
            "another model's, with open_clip's own",
        )


def _cached(config: dict[str, Any]) -> Path | None:
    """The checkpoint of a pretrained configuration, where an earlier download left it; no network."""
    from huggingface_hub import try_to_load_from_cache
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    if config.get("hf_hub"):
        repository, filename = os.path.split(config["hf_hub"])
        names = [filename, os.path.splitext(filename)[0] + ".safetensors"] if filename else []
        for candidate in (*names, HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME):
            found = try_to_load_from_cache(repository, candidate)
            if isinstance(found, str):
                return Path(found)
    if config.get("url"):
        path: Path = Path("~/.cache/clip").expanduser() / os.path.basename(config["url"])
        if path.is_file():
            return path
    return None


def _fetch(name: str, tag: str, request: Request) -> Path:
    """Download with the user's consent, by open_clip's own loader."""
    import open_clip

    config = open_clip.get_pretrained_cfg(name, tag)
    model = f"open_clip:{name}/{tag}"
    source = f"huggingface.co/{config['hf_hub'].rstrip('/')}" if config.get("hf_hub") else str(config.get("url"))
    if not request.allow_download:
        raise consent(
            model, source, _size_of(name), "a checkpoint file of it, or a folder with its open_clip_config.json"
        )
    try:
        return Path(open_clip.download_pretrained(config))
    except (OSError, RuntimeError) as error:
        raise fetch_failed(model, source, error) from None


def _size_of(name: str) -> str:
    """Roughly how large the checkpoint is: the architecture is laid out without memory and its numbers counted."""
    import open_clip
    import torch

    config = open_clip.get_model_config(name)
    if "multimodal_cfg" in config or "hf_model_name" in config["text_cfg"]:
        return "size unknown, about 1 GB"
    kind = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
    with torch.device("meta"):
        numbers = sum(parameter.numel() for parameter in kind(**config).parameters())
    return f"about {4 * numbers / 1e6:,.0f} MB"
