"""Names that Curator may give to fields: those that FiftyOne, the database and the file system can live with."""

from __future__ import annotations

from collections.abc import Iterable

import fiftyone as fo

from ...core.base.params import ParamError
from .fiftyone_compat import taken_names

LONGEST = 100  # letters: with a column's name, and as part of a file's name, it must stay below 255 bytes


def check_key(dataset: fo.Dataset, key: object) -> str:
    """The key, if runs and their fields can be named by it.

    Raises:
        ParamError: what is wrong with it, in a sentence.
    """
    if not isinstance(key, str) or not key.isidentifier():
        raise ParamError(f"key must be letters, digits and _, not starting with a digit; got {key!r}")
    if key.startswith("_"):
        raise ParamError(f"key must not begin with _, which FiftyOne keeps for itself; got {key!r}")
    if len(key.encode()) > LONGEST:
        raise ParamError(f"key must have at most {LONGEST} letters; got {len(key)}: {key[:20]!r}…")
    if key in taken_names(dataset, None):
        raise ParamError(f"key must not be {key!r}, which FiftyOne uses itself; choose another")
    return key


def check_fields(dataset: fo.Dataset, names: Iterable[str], inside: str | None) -> None:
    """Refuse fields, or attributes of the labels in `inside`, that FiftyOne could not read.

    Raises:
        ParamError: names the first.
    """
    taken = taken_names(dataset, inside)
    for name in names:
        if name in taken and (inside is None or dataset.get_field(name) is None):
            raise ParamError(f"A field must not be called {name!r}, which FiftyOne uses itself; choose another key")
