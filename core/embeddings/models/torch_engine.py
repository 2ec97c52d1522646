"""What every network on torch shares: where it runs, in which arithmetic, and how many pictures fit its memory.

Half precision (bf16) is taken only where the hardware multiplies it natively and a trial on the set's own pictures
agrees with fp32: 0.999 in mean cosine. ViT-B/32 then ran 2.4 times as fast on a CPU with AVX512-BF16, at 0.99996.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.arrays import Array, Facts, Progress
from ...base.errors import ModelError
from ...base.memory import is_out_of_memory, onto, tried
from ...base.params import ParamError
from ...base.threads import cores
from .base import Engine, Pictures, Request, unit_rows
from .preparation import Preparation
from .weights import sha256_of

if TYPE_CHECKING:
    from PIL.Image import Image

TRIAL = 16
AGREEMENT = 0.999
CPU_BATCH, GPU_BATCH = 16, 256  # more pictures on a CPU fall out of its caches
MOST_LANES = 8  # each holds a batch and what the network makes of it


class TorchEngine(Engine):
    """A network, its preparation of pictures and its weights. Engines on torch build these three.

    Args:
        model: what the run record calls it.
        weights: the checkpoint; None where the network was handed over in Python.
        network: a torch module in fp32 that takes (b, 3, h, w).
        dim: length of its vectors.
        encode: network, batch → (b, dim) tensor; where calling the network is not enough.
        unit: scale vectors to length one.
        text: it has a text encoder too.
        cpu_batch: pictures that a core embeds at once.
    """

    def __init__(
        self,
        request: Request,
        *,
        model: str,
        weights: Path | None,
        network: Any,
        preparation: Preparation,
        dim: int,
        encode: Callable[[Any, Any], Any] = lambda network, batch: network(batch),
        unit: bool = False,
        text: bool = False,
        cpu_batch: int = CPU_BATCH,
    ) -> None:
        import torch

        self.dim = dim
        self.enough = preparation.enough
        self._preparation = preparation
        self._model = model
        self._weights = weights
        self._hash = hash_of(network) if weights is None else None
        self._encode = encode
        self._unit = unit
        self._text = text
        self._device = pick_device(request.device)
        for value in network.eval().parameters():  # TorchScript has no requires_grad_ of its own
            value.requires_grad_(False)
        self._network = onto(self._device, network, memory_format=torch.channels_last)
        self._wanted = request.precision
        tried = request.precision == "bf16" or (request.precision == "auto" and native_bf16(self._device))
        self._precision = "undecided" if tried else "fp32"
        self._agreement: float | None = None
        self.learns_from = TRIAL if tried or self._device == "cuda" else 0
        self.batch = cpu_batch if self._device == "cpu" else GPU_BATCH

    def prepare(self, image: Image) -> Array:
        """RGB picture → (h, w, 3) uint8."""
        return self._preparation(image)

    def embed(self, batch: Array) -> Array:
        """(b, h, w, 3) uint8 → (b, dim) float32."""
        if self._precision == "undecided":
            self._try_half(batch[:TRIAL])
        return self._forward(self._network, batch, self._precision)

    @contextmanager
    def lanes(self) -> Iterator[int]:
        """On a CPU a batch for each core, on a GPU one that computes and one that travels."""
        if self._device != "cpu":
            yield 2
            return
        with threads_each(max(1, cores() // MOST_LANES)):
            yield min(cores(), MOST_LANES)

    def learn(self, pictures: Pictures, seed: int, progress: Progress) -> None:
        """Try half precision on some pictures of the set, and keep fp32 where it deviates."""
        sample = next(iter(pictures), None)
        if sample is None:
            return
        some = sample[:TRIAL]
        while tried(lambda: self._learned(some), len(some)) is None:  # noqa: B023
            some = some[: len(some) // 2]

    def _learned(self, sample: Array) -> bool:
        if self._precision == "undecided":
            self._try_half(sample)
        if self._device == "cuda":
            self.batch = self._fitting(sample)
        return True

    def state(self) -> dict[str, Array]:
        """The arithmetic that was chosen, so that vectors which join later are made in the same."""
        if self._precision == "undecided":
            return {}
        return {"bf16": np.array(self._precision == "bf16"), "agreement": np.array(self._agreement or np.nan)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Compute in that arithmetic."""
        if "bf16" in state:
            agreement = float(state["agreement"])
            self._agreement = None if np.isnan(agreement) else agreement
            self._settle("bf16" if state["bf16"] else "fp32")

    def describe(self) -> Facts:
        """See `Engine`; `cosine_to_fp32` is the mean agreement of the trial, where there was one."""
        facts: Facts = {
            "model": self._model,
            "weights": None if self._weights is None else str(self._weights),
            "weights_hash": self._weights_hash(),
            "device": self._device,
            "precision": self._precision,
            "text": self._text,
        }
        return facts if self._agreement is None else {**facts, "cosine_to_fp32": round(self._agreement, 6)}

    def _weights_hash(self) -> str | None:
        if self._hash is None and self._weights is not None:
            self._hash = sha256_of(self._weights)
        return self._hash

    def _forward(self, network: Any, batch: Array, precision: str) -> Array:
        import torch

        pixels = torch.from_numpy(batch)
        if self._device == "cuda":
            pixels = pixels.pin_memory().to(self._device, non_blocking=True)
        with torch.inference_mode():
            # NHWC in memory is what torch calls channels_last: nothing is copied
            x = pixels.permute(0, 3, 1, 2).float()
            scale = [1 / (255 * std) for std in self._preparation.std]
            shift = [-mean / std for mean, std in zip(self._preparation.mean, self._preparation.std, strict=True)]
            x.mul_(_per_channel(scale, x)).add_(_per_channel(shift, x))
            found = self._encode(network, x.bfloat16() if precision == "bf16" else x)
            vectors = np.asarray(found.float().cpu().numpy(), dtype=np.float32)
        return unit_rows(vectors) if self._unit else vectors

    def _try_half(self, batch: Array) -> None:
        """Decide by (b, h, w, 3) pictures whether half precision serves."""
        import torch

        full = self._forward(self._network, batch, "fp32")
        half_network = copy.deepcopy(self._network).to(dtype=torch.bfloat16)
        try:
            half = self._forward(half_network, batch, "bf16")
        except RuntimeError as error:  # an operation that has no bf16
            if self._wanted == "bf16" or is_out_of_memory(error):
                raise
            self._settle("fp32")
            return
        self._agreement = float((unit_rows(full) * unit_rows(half)).sum(axis=1).mean())
        self._settle("bf16" if self._wanted == "bf16" or self._agreement >= AGREEMENT else "fp32")

    def _fitting(self, batch: Array) -> int:
        """How many pictures at once take at most half of the GPU's free memory; a power of two."""
        import torch

        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        self._forward(self._network, batch, self._precision)
        each = max((torch.cuda.max_memory_allocated() - before) / len(batch), 1)
        fit = max(torch.cuda.mem_get_info()[0] / 2 / each, 1)
        return min(GPU_BATCH, 1 << int(np.log2(fit)))

    def _settle(self, precision: str) -> None:
        import torch

        self._precision = precision
        if precision == "bf16":
            self._network = self._network.to(dtype=torch.bfloat16)


def require(module: str, package: str) -> None:
    """Import a library, or say how to get it.

    Raises:
        ParamError: it is not installed.
    """
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        raise ParamError(f"This model needs {package}, which is not installed; pip install {package}") from None


@contextmanager
def threads_each(number: int) -> Iterator[None]:
    """Let threads that begin inside the block compute on so many cores each."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def pick_device(wanted: str) -> str:
    """ "auto" → "cuda" where there is one, else "cpu".

    Raises:
        ParamError: "cuda" is wanted and torch sees none.
    """
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise ModelError("device", "must be auto or cpu here, for torch sees no CUDA device", "'cuda'")
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def native_bf16(device: str) -> bool:
    """Whether the hardware multiplies bf16 natively; elsewhere it is emulated and slower."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text(errors="replace") if cpu.is_file() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def hash_of(network: Any) -> str:
    """Hex digest of a network's tensors and their names, for weights that lie in no file."""
    import hashlib

    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(value.detach().float().cpu().numpy()).data.cast("B"))
    return digest.hexdigest()


def size_of(network: Any) -> str:
    """Roughly how large a network's checkpoint is, counted from its tensors (which may be on torch's meta device)."""
    return f"about {4 * sum(value.numel() for value in network.state_dict().values()) / 1e6:,.0f} MB"


def _per_channel(values: list[float], like: Any) -> Any:
    return like.new_tensor(values).view(1, 3, 1, 1)
