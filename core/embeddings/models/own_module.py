"""A network of the user's own: a TorchScript file, or a module handed over in Python, with a declared preparation.

TorchScript files hold a program of torch's own, and no Python, so that they can be opened without trusting their maker.
Pickled modules and the archives of `torch.export`, which torch unpickles, are not opened.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from ...base.errors import ModelError
from ...base.params import ParamError
from .base import Entry, Request
from .preparation import Preparation, declared_beside
from .torch_engine import TorchEngine, require
from .weights import loading, local_path

_OFFERED: dict[str, tuple[Any, Preparation]] = {}


def offer(name: str, network: Any, preparation: Preparation) -> None:
    """Make a module of this process known as `module:<name>`."""
    if not name.isidentifier():
        raise ParamError(f"A network's name must be letters, digits and _, not starting with a digit; got {name!r}")
    _OFFERED[name] = (network, preparation)


class ModuleEngine(TorchEngine):
    """`module:<file>` of TorchScript with `<file>.json` beside it, or `module:<name>` of what was offered in Python."""

    def __init__(self, request: Request) -> None:
        require("torch", "torch")
        import copy

        if request.variant in _OFFERED and request.weights is None:
            given, preparation = _OFFERED[request.variant]
            network, path = copy.deepcopy(given), None  # its owner's own goes on as it was
        else:
            path = file_of(request)
            preparation = declared_beside(path)
            with loading("TorchScript", path):
                network = _script(path)
        super().__init__(
            request,
            model=request.model,
            weights=path,
            network=network,
            preparation=preparation,
            dim=0,
            encode=_encode,
        )
        self.dim = self._measured_dim(request)

    def _measured_dim(self, request: Request) -> int:
        """Length of the vectors that the network makes of two black pictures."""
        import numpy as np

        try:
            return int(
                self._forward(self._network, np.zeros((2, *self._preparation.size, 3), np.uint8), "fp32").shape[1]
            )
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            height, width = self._preparation.size
            reason = " ".join(str(error).split())[-200:]
            raise ParamError(
                f"{request.model} must make (b, d) vectors of (b, 3, {height}, {width}) pictures; {reason}"
            ) from None


def file_of(request: Request) -> Path:
    """The file that follows the engine's name, or `weights`.

    Raises:
        ParamError: neither is an existing file.
    """
    named = request.weights or request.variant
    if not named:
        raise ModelError("weights", f"must be the network's file, or model be {request.model}:<file>", "neither")
    path = local_path(named)
    if not path.is_file():
        raise ModelError("weights", "must be a file", f"the folder {named!r}")
    return path


def _script(path: Path) -> Any:
    import torch

    with warnings.catch_warnings():
        # torch would have files made by torch.export instead, which it unpickles
        warnings.filterwarnings("ignore", message=".*torch.jit.load.* is deprecated", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*torch.jit.load.* is deprecated", category=DeprecationWarning)
        read: Any = torch.jit.load
        return read(str(path), map_location="cpu")


def _encode(network: Any, batch: Any) -> Any:
    """(b, 3, h, w) → (b, d); a map of features (b, d, h', w') is averaged over its places."""
    found = network(batch)
    found = found[0] if isinstance(found, (tuple, list)) else found
    if found.ndim == 4:
        found = found.mean(dim=(2, 3))
    if found.ndim != 2 or len(found) != len(batch):
        raise ValueError(f"it made {tuple(found.shape)} of {len(batch)}")
    return found


ENTRY = Entry(
    name="module",
    models=(),
    open=ModuleEngine,
    dim="its own",
    licence="yours",
    size="its own",
    good_at="a network of your own: `module:<file>` of TorchScript, or `offer_network` in Python",
)
