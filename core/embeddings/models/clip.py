"""CLIP models through open_clip: pictures and texts in one space.

Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision, arXiv:2103.00020;
Cherti et al. 2022, Reproducible scaling laws for contrastive language-image learning, arXiv:2212.07143.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base.arrays import Array, Facts
from ...base.errors import ModelError
from ...base.memory import onto
from ...base.params import ParamError
from .base import Entry, Request, TextEngine, unit_rows
from .clip_text import encode_text
from .here import OFFERED, Known
from .preparation import Preparation
from .torch_engine import TorchEngine, pick_device, require, size_of
from .weights import cached_from_hub, checkpoint_in, consent, fetch_failed, loading, local_path

CONFIG = "open_clip_config.json"
HUB = "hf-hub:"
STRENGTH = 80.0  # ViT-B-32 of LAION-2B with a linear classifier on ImageNet, about
TINY = Path(__file__).resolve().parents[3] / "models" / "tiny_clip"
PREPARED_BY = ("mean", "std", "interpolation", "resize_mode")
PREFERRED = ("laion2b_s34b_b79k", "datacomp_xl_s13b_b90k", "laion2b_s32b_b82k", "openai")


class ClipEngine(TorchEngine, TextEngine):
    """`open_clip:<model>/<weights>`, `open_clip:<model>` with a local checkpoint, or `open_clip` with a local folder
    that holds a checkpoint and its `open_clip_config.json`."""

    def __init__(self, request: Request) -> None:
        require("open_clip", "open_clip_torch")
        name, tag, weights = _locate(request)
        self._load(request, name, tag, weights, f"open_clip:{name}" + (f"/{tag}" if tag else ""))

    def _load(self, request: Request, name: str, tag: str | None, weights: Path, model: str) -> None:
        """Build the model and fill it.

        Args:
            name: an architecture that open_clip knows; unused where `weights` is a folder with a configuration.
            tag: pretrained weights' name, which decides how pictures are prepared.
            weights: file or folder.
            model: what the run record calls it.
        """
        import open_clip

        self._allow_download = request.allow_download
        self._folder = weights
        self._source = f"local-dir:{weights}" if (weights / CONFIG).is_file() else name
        checkpoint = checkpoint_in(weights)
        known: Any = open_clip.get_pretrained_cfg(name, tag) if tag else {}
        if not tag and self._source == name:
            known = published_preparation(name)
        with loading(model, weights):
            config = open_clip.get_model_config(self._source)
            self._tokenizer_name = config["text_cfg"].get("hf_tokenizer_name")
            both = open_clip.create_model(
                self._source,
                pretrained=None if self._source.startswith("local-dir:") else str(checkpoint),
                force_quick_gelu=bool(known.get("quick_gelu", False)),
                force_preprocess_cfg={key: known[key] for key in PREPARED_BY if key in known},
            )
        both = onto(pick_device(request.device), both.eval().requires_grad_(False))
        self.logit_scale = float(both.logit_scale.exp())
        super().__init__(
            request,
            model=model,
            weights=checkpoint,
            network=both.visual,
            preparation=_preparation(both.visual),
            dim=int(config["embed_dim"]),
            encode=_encode,
            unit=True,
            text=True,
        )
        self._both = both

    def describe(self) -> Facts:
        """See `Engine`; the weights are named as they were given, so that a folder's configuration is found again."""
        return {**super().describe(), "weights": str(self._folder)}

    def embed_text(self, texts: list[str]) -> Array:
        """(m,) texts → (m, dim) float32 of unit length."""
        import torch

        tokenizer = self.tokenizer()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), 256):
                tokens = tokenizer(texts[start : start + 256]).to(self._device)
                parts.append(encode_text(self._both, tokens).float().cpu().numpy())
        return unit_rows(np.concatenate(parts))

    def cut_short(self, texts: list[str]) -> list[bool]:
        """Whether each text has more tokens than the encoder reads, 77 as a rule."""
        tokenizer = self.tokenizer()
        reads = int(tokenizer.context_length)
        nothing = getattr(getattr(tokenizer, "tokenizer", None), "pad_token_id", None) or 0
        beyond = tokenizer(texts, context_length=reads + 1)[:, reads]
        return [bool(one) for one in (beyond != nothing).tolist()]

    @property
    def network(self) -> Any:
        """The open_clip model, frozen."""
        return self._both

    @property
    def preparation(self) -> Preparation:
        """How it wants pictures."""
        return self._preparation

    def tokenizer(self) -> Any:
        """The model's own. Ours lies beside its weights; others come with open_clip or, a few, from the hub.

        Raises:
            ParamError: it is on the hub only and may not be fetched, or its library is missing.
        """
        import open_clip

        merges = self._folder / "bpe.txt.gz"
        if merges.is_file():
            return open_clip.get_tokenizer(self._source, bpe_path=str(merges))
        if self._tokenizer_name is None:
            return open_clip.get_tokenizer(self._source)
        local = {} if self._allow_download else {"local_files_only": True}
        try:
            return open_clip.get_tokenizer(self._source, **local)
        except ImportError:
            raise ParamError(
                f"The text encoder of {self._model} needs another library: pip install transformers sentencepiece"
            ) from None
        except (OSError, ValueError) as error:
            if self._source.startswith("local-dir:"):
                raise ParamError(
                    f"The tokenizer of {self._model} must lie beside its weights; copy tokenizer.json and "
                    f"tokenizer_config.json of huggingface.co/{self._tokenizer_name} into {self._folder}"
                ) from None
            raise ParamError(
                f"The tokenizer of {self._model} ({self._tokenizer_name}) is not on this machine; set "
                f"allow_download to fetch it from huggingface.co (a few MB), or choose a model with open_clip's own "
                f"tokenizer, such as open_clip:ViT-B-32/laion2b_s34b_b79k ({str(error).splitlines()[0]})"
            ) from None


class TinyClipEngine(ClipEngine):
    """`tiny_clip`: the small CLIP in `models/tiny_clip`, which knows handwritten digits and nothing else."""

    def __init__(self, request: Request) -> None:
        request.refuse_variant()
        require("open_clip", "open_clip_torch")
        # so small that casting costs more than bf16 saves
        request = replace(request, precision="fp32") if request.precision == "auto" else request
        folder = TINY if request.weights is None else local_path(request.weights)
        if not (folder / CONFIG).is_file():
            raise ModelError("weights", f"must be a folder with {CONFIG} for model 'tiny_clip'", repr(str(folder)))
        self._load(request, "tiny_clip", None, folder, "tiny_clip")


def _preparation(visual: Any) -> Preparation:
    """How the image encoder wants pictures, from what open_clip attached to it."""
    from open_clip.transform import PreprocessCfg

    said = PreprocessCfg(**visual.preprocess_cfg)
    size = (said.size, said.size) if isinstance(said.size, int) else tuple(said.size)
    return Preparation(
        size=size,
        fit={"shortest": "crop", "longest": "pad", "squash": "squash"}[said.resize_mode],
        interpolation="bilinear" if said.interpolation == "bilinear" else "bicubic",
        mean=tuple(said.mean),
        std=tuple(said.std),
        fill=(said.fill_color,) * 3,
    )


def published_preparation(name: str) -> dict[str, Any]:
    """How all published weights of an architecture want pictures: what they agree on.

    For a checkpoint file without a tag. Without it SigLIP's and MobileCLIP's would be shown pictures as CLIP's are.
    """
    import open_clip

    configs = [open_clip.get_pretrained_cfg(name, tag) for tag in open_clip.list_pretrained_tags_by_model(name)]
    values = {key: {repr(one.get(key)): one.get(key) for one in configs} for key in PREPARED_BY}
    return {key: next(iter(own.values())) for key, own in values.items() if len(own) == 1 and "None" not in own}


def _encode(visual: Any, batch: Any) -> Any:
    """(b, 3, h, w) → (b, dim); CoCa's encoder gives its tokens too."""
    found = visual(batch)
    return found[0] if isinstance(found, tuple) else found


def _locate(request: Request) -> tuple[str, str | None, Path]:
    """Architecture, tag and where the weights lie, fetched if they may be.

    Raises:
        ParamError: unknown model or tag, no such path, or weights not here.
    """
    import open_clip

    hub = request.variant.startswith(HUB)
    name, _, given_tag = (request.variant, "", "") if hub else request.variant.partition("/")
    tag: str | None = given_tag or None
    if hub and request.weights is None:
        return name, None, _of_the_hub(name.removeprefix(HUB), request)
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
        raise ParamError(f"open_clip publishes no weights for {name}; set weights to a checkpoint on this machine")
    wanted = [tag] if tag else sorted(tags, key=lambda t: PREFERRED.index(t) if t in PREFERRED else len(PREFERRED))
    for choice in wanted:
        cached = _cached(open_clip.get_pretrained_cfg(name, choice))
        if cached is not None:
            return name, choice, cached
    return name, wanted[0], _fetch(name, wanted[0], request)


def _of_the_hub(repository: str, request: Request) -> Path:
    """The folder of a repository on huggingface.co that open_clip reads: from the cache, or fetched if that is allowed.

    Raises:
        ParamError: it is not here and may not or could not be fetched, or it is none of open_clip's.
    """
    from huggingface_hub import snapshot_download
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    weights = (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)
    config = cached_from_hub(repository, (CONFIG,))
    if config is not None and any((config.parent / name).is_file() for name in weights):
        return config.parent
    source = f"huggingface.co/{repository}"
    if not request.allow_download:
        size = OFFERED[request.model].megabytes if request.model in OFFERED else None
        said = f"{size:,} MB" if size else "size unknown"
        raise consent(request.model, source, said, f"a folder with its {CONFIG} and checkpoint")
    wanted = [CONFIG, *weights, "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json"]
    try:
        folder = Path(snapshot_download(repository, allow_patterns=wanted))
    except (OSError, RuntimeError, ValueError) as error:
        raise fetch_failed(request.model, source, error) from None
    if not (folder / CONFIG).is_file():
        raise ModelError("model", f"must name a repository with {CONFIG}, which open_clip reads", repr(request.model))
    return folder


def _check_name(name: str, tag: str | None, request: Request) -> None:
    import difflib

    import open_clip

    models = open_clip.list_models()
    if name not in models:
        near = difflib.get_close_matches(name, models, n=1)
        hint = f"did you mean open_clip:{near[0]}?" if near else "such as open_clip:ViT-B-32/laion2b_s34b_b79k"
        raise ModelError(
            "model", f"must name an open_clip model, or weights be a folder with {CONFIG}", f"{request.model!r}, {hint}"
        )
    if tag is not None and not open_clip.get_pretrained_cfg(name, tag):
        tags = open_clip.list_pretrained_tags_by_model(name)
        near = difflib.get_close_matches(tag, tags, n=1, cutoff=0.0)
        hint = f"did you mean open_clip:{name}/{near[0]}?" if near else "it has none"
        raise ModelError("model", f"must name weights that {name} has", f"{request.model!r}, {hint}")
    hub = open_clip.get_model_config(name)["text_cfg"].get("hf_model_name")
    if hub:
        require("transformers", "transformers sentencepiece")
    if hub and not request.allow_download:
        raise consent(
            f"open_clip:{name}'s text encoder",
            f"huggingface.co/{hub}",
            "a few MB",
            "another model's, with open_clip's own",
        )


def _cached(config: dict[str, Any]) -> Path | None:
    """The checkpoint of a pretrained configuration, where an earlier download left it; no network."""
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    if config.get("hf_hub"):
        repository, filename = os.path.split(config["hf_hub"])
        names = [filename, os.path.splitext(filename)[0] + ".safetensors"] if filename else []
        found = cached_from_hub(repository, (*names, HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME))
        if found is not None:
            return found
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
        return size_of(kind(**config))


def here() -> list[Known]:
    """The models of open_clip whose weights an earlier download left on this machine."""
    from huggingface_hub.constants import HF_HUB_CACHE

    caches = [Path(HF_HUB_CACHE), Path("~/.cache/clip").expanduser()]
    if not any(cache.is_dir() and any(cache.iterdir()) for cache in caches):
        return []  # open_clip takes seconds to load
    import open_clip

    found = []
    for name, tag in open_clip.list_pretrained():
        path = _cached(open_clip.get_pretrained_cfg(name, tag))
        if path is not None:
            found.append(Known(f"open_clip:{name}/{tag}", STRENGTH, path.stat().st_size / 1e6, licence_of(name, tag)))
    return found


def licence_of(name: str, tag: str) -> str:
    """The licence of published weights, as far as it is known."""
    if tag in ("openai",) or tag.startswith(("laion", "datacomp", "commonpool")):
        return "MIT"
    if "SigLIP" in name or tag == "webli":
        return "Apache-2.0"
    if "MobileCLIP" in name:
        return "Apple's own, research only"
    if tag.startswith("metaclip"):
        return "CC-BY-NC-4.0, not for commercial use"
    return "see its page"


ENTRY = Entry(
    name="open_clip",
    models=tuple(name for name in OFFERED if name.startswith("open_clip:")),
    open=ClipEngine,
    dim="512 (ViT-B), 768 (ViT-L, SigLIP)",
    licence="MIT (LAION, DataComp, OpenAI), Apache-2.0 (SigLIP), Apple's own (MobileCLIP)",
    size="605 MB (ViT-B-32), 1.7 GB (ViT-L-14)",
    good_at="photographs of anything; search and tags by text",
    here=here,
    fetches=True,
    strength=STRENGTH,
)

TINY_ENTRY = Entry(
    name="tiny_clip",
    models=("tiny_clip",),
    open=TinyClipEngine,
    dim="64",
    licence="Apache-2.0, shipped with Curator",
    size="2 MB",
    good_at="the demo's handwritten digits, and nothing else",
)
