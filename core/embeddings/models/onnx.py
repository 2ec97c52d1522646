"""A network in an ONNX file, run by ONNX Runtime, with its preparation declared in `<file>.json` beside it.

https://onnx.ai; by https://onnxruntime.ai (MIT), an optional dependency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...base.arrays import Array, Facts
from ...base.errors import ModelError
from ...base.params import ParamError
from ...base.threads import cores
from .base import Engine, Entry, Request
from .own_module import file_of
from .preparation import declared_beside
from .torch_engine import require
from .weights import loading, sha256_of

if TYPE_CHECKING:
    from PIL.Image import Image


class OnnxEngine(Engine):
    """`onnx:<file>`: one input (b, 3, h, w) or (b, h, w, 3), first output (b, d) or (b, d, h', w')."""

    def __init__(self, request: Request) -> None:
        require("onnxruntime", "onnxruntime")
        import onnxruntime

        path = file_of(request)
        self._preparation = declared_beside(path)
        self.enough = self._preparation.enough
        self._path = path
        self._model = request.model
        available = onnxruntime.get_available_providers()
        if request.device == "cuda" and "CUDAExecutionProvider" not in available:
            raise ModelError(
                "device", "must be auto or cpu here, for onnxruntime has no CUDA; pip install onnxruntime-gpu"
            )
        wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"][request.device == "cpu" :]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores()
        with loading("ONNX", path):
            try:
                self._session = onnxruntime.InferenceSession(
                    str(path), options, providers=[name for name in wanted if name in available]
                )
            except Exception as error:  # noqa: BLE001 - its errors share no base of their own
                raise ValueError(error) from None
        self._check_input(request)
        probe = np.zeros((1, *self._preparation.size, 3), np.uint8)
        self.dim = self.embed(probe).shape[1]

    def prepare(self, image: Image) -> Array:
        """RGB picture → (h, w, 3) uint8."""
        return self._preparation(image)

    def embed(self, batch: Array) -> Array:
        """(b, h, w, 3) uint8 → (b, dim) float32; a network of a fixed batch gets its number, filled up with black."""
        mean, std = (np.array(values, np.float32) for values in (self._preparation.mean, self._preparation.std))
        x = (batch / np.float32(255) - mean) / std
        x = (x if self._last else x.transpose(0, 3, 1, 2)).astype(self._type)
        step = self._fixed or len(x)
        parts = []
        for start in range(0, len(x), step):
            part = x[start : start + step]
            filled = np.concatenate([part, np.zeros((step - len(part), *part.shape[1:]), self._type)])
            found = np.asarray(self._session.run(None, {self._input: filled})[0], dtype=np.float32)
            parts.append(found[: len(part)])
        vectors = np.concatenate(parts)
        return vectors.mean(axis=(2, 3)) if vectors.ndim == 4 else vectors.reshape(len(batch), -1)

    def describe(self) -> Facts:
        """See `Engine`."""
        on_gpu = "CUDAExecutionProvider" in self._session.get_providers()
        return {
            "model": self._model,
            "weights": str(self._path),
            "weights_hash": sha256_of(self._path),
            "device": "cuda" if on_gpu else "cpu",
            "precision": "fp32" if self._type == np.float32 else "fp16",
            "text": False,
        }

    def _check_input(self, request: Request) -> None:
        """Learn the input's name, layout and type.

        Raises:
            ParamError: it does not take one batch of pictures of the declared size.
        """
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape) if len(inputs) == 1 else []
        height, width = self._preparation.size
        layouts = {False: [3, height, width], True: [height, width, 3]}
        fits = [
            last
            for last, wanted in layouts.items()
            if len(shape) == 4
            and all(not isinstance(had, int) or had == side for had, side in zip(shape[1:], wanted, strict=True))
        ]
        types = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
        if not fits or inputs[0].type not in types:
            found = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
            raise ParamError(
                f"{request.model} must take one batch of float pictures, (b, 3, {height}, {width}) or "
                f"(b, {height}, {width}, 3); it takes {found}"
            )
        self._last = fits[0]
        self._type = types[inputs[0].type]
        self._input = inputs[0].name
        self._fixed = shape[0] if isinstance(shape[0], int) else 0


ENTRY = Entry(
    name="onnx",
    models=(),
    open=OnnxEngine,
    dim="its own",
    licence="yours",
    size="its own",
    good_at="a network of your own in an ONNX file: `onnx:<file>`, after `pip install onnxruntime`",
)
