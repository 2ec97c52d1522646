"""What the engines on torch share: where to run, in which arithmetic, and batches that fit the memory."""

from __future__ import annotations

import importlib
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from ..method import Array
from ..params import ParamError


def require(module: str, package: str) -> None:
    """Import a library, or say how to get it.

    Raises:
        ParamError: it is not installed.
    """
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        raise ParamError(f"This model needs {package}, which is not installed; pip install {package}") from None


def pick_device(wanted: str) -> str:
    """ "auto" → "cuda" where there is one, else "cpu".

    Raises:
        ParamError: "cuda" is wanted and torch sees none.
    """
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise ParamError("EmbeddingsParams.device must be auto or cpu here, for torch sees no CUDA device; got 'cuda'")
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def pick_precision(wanted: str, device: str) -> str:
    """ "auto" → "bf16" where the hardware multiplies it natively, else "fp32".

    Weights cast to bf16 ran ViT-B/32 2.4 times faster on a CPU with AVX512-BF16, at cosine 0.99996 to fp32;
    elsewhere it is emulated and slower.
    """
    import torch

    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text(errors="replace") if cpu.is_file() else ""
    return "bf16" if "avx512_bf16" in flags or "amx_bf16" in flags else "fp32"


def forward(encode: Callable[[Any], Any], batch: Array, device: str, precision: str) -> Array:
    """(b, 3, h, w) float32 → (b, d) float32; a batch that does not fit the GPU is halved until it does."""
    import torch

    tensor = torch.from_numpy(batch).to(device, torch.bfloat16 if precision == "bf16" else torch.float32)
    try:
        with torch.inference_mode():
            return np.asarray(encode(tensor).float().cpu().numpy(), dtype=np.float32)
    except torch.cuda.OutOfMemoryError:
        if len(batch) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(batch) // 2
    return np.concatenate([forward(encode, part, device, precision) for part in (batch[:half], batch[half:])])


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
    """Turns what loaders raise over a checkpoint of the wrong kind into a sentence.

    Pickled checkpoints are only ever opened with `weights_only=True`, which refuses code.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, UnpicklingError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        reason = reason if len(reason) <= 200 else reason[:197] + "..."
        raise ParamError(f"EmbeddingsParams.weights must be a checkpoint of {model}; got {path} ({reason})") from None
