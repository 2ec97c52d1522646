"""The weights of networks: looked for on this machine first, and fetched only when the user says so."""

from __future__ import annotations

import hashlib
import os
import urllib.error
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from ...base.errors import ModelError
from ...base.params import ParamError
from .base import Request


def local_path(weights: str) -> Path:
    """The checkpoint that the user named.

    Raises:
        ParamError: there is nothing at that path.
    """
    path = Path(weights).expanduser()
    if not path.exists():
        raise ModelError("weights", "must be an existing file or folder", repr(weights))
    return path


def checkpoint_in(path: Path) -> Path:
    """The checkpoint: `path` itself, or the one in that folder (safetensors first, as open_clip chooses).

    Raises:
        ParamError: the folder holds none.
    """
    if path.is_file():
        return path
    found = [file for ending in ("*.safetensors", "*.bin", "*.pth", "*.pt") for file in sorted(path.glob(ending))]
    if not found:
        raise ModelError(
            "weights", "must be a checkpoint or a folder with one (.safetensors, .bin, .pth, .pt)", repr(str(path))
        )
    return found[0]


def state_in(path: Path) -> dict[str, Any]:
    """Tensors by name; pickled checkpoints are only ever opened with `weights_only=True`, which refuses code."""
    import torch

    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state: dict[str, Any] = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in ("state_dict_ema", "state_dict", "model"):
        if isinstance(state.get(wrapper), dict):
            state = state[wrapper]
            break
    return {name.removeprefix("module."): value for name, value in state.items()}


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def published_at(url: str, size: str, request: Request, local: str = "a checkpoint file of it") -> Path:
    """A checkpoint that torch's own loader would fetch: from its cache, or fetched if that is allowed.

    Raises:
        ParamError: it is not here and may not or could not be fetched.
    """
    import torch

    path: Path = Path(torch.hub.get_dir()) / "checkpoints" / os.path.basename(url)
    if path.is_file():
        return path
    if not request.allow_download:
        raise consent(request.model, url, size, f"{local}, such as {path.name}")
    prefix = path.stem.split("-")[-1] if "-" in path.stem else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix)
    except (OSError, RuntimeError) as error:
        raise fetch_failed(request.model, url, error) from None
    return path


def on_the_hub(repository: str, names: Sequence[str], size: str, request: Request) -> Path:
    """The first of these files of a Hugging Face repository: from its cache, or fetched if that is allowed.

    Raises:
        ParamError: it is not here and may not or could not be fetched.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    found = cached_from_hub(repository, names)
    if found is not None:
        return found
    source = f"huggingface.co/{repository}"
    if not request.allow_download:
        raise consent(request.model, source, size, "a checkpoint file of it")
    try:
        for name in names[:-1]:
            with suppress(EntryNotFoundError):  # an older repository holds the next name
                return Path(hf_hub_download(repository, name))
        return Path(hf_hub_download(repository, names[-1]))
    except (OSError, RuntimeError, ValueError) as error:
        raise fetch_failed(request.model, source, error) from None


def cached_from_hub(repository: str, names: Sequence[str]) -> Path | None:
    """The first of these files that an earlier download left in Hugging Face's cache; no network."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


def cached_repositories(owner: str) -> list[str]:
    """Names of an owner's repositories of models in Hugging Face's cache; whole or not."""
    from huggingface_hub.constants import HF_HUB_CACHE

    start = f"models--{owner}--"
    folder = Path(HF_HUB_CACHE)
    return sorted(one.name.removeprefix(start) for one in folder.glob(f"{start}*")) if folder.is_dir() else []


def consent(model: str, source: str, size: str, local: str) -> ParamError:
    """The error for weights that would have to be fetched: what, from where, how much, and the way around it."""
    return ParamError(
        f"The weights of {model} are not on this machine; set allow_download to fetch them from {source} ({size}), "
        f"or set weights to {local}"
    )


def fetch_failed(model: str, source: str, error: Exception) -> ParamError:
    """The error for a download that was allowed and did not work."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else str(error).split("\n")[0]
    return ParamError(
        f"The weights of {model} could not be fetched from {source} ({reason}); "
        "set weights to a checkpoint on this machine"
    )


@contextmanager
def loading(model: str, path: Path) -> Iterator[None]:
    """Turns what loaders raise over a checkpoint of the wrong kind into a sentence."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, UnpicklingError, SafetensorError) as error:
        if isinstance(error, ParamError):
            raise
        reason = " ".join(str(error).split())
        reason = reason if len(reason) <= 200 else reason[:197] + "..."
        raise ModelError("weights", f"must be a checkpoint of {model}", f"{path} ({reason})") from None
