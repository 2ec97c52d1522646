"""Declares fields so that they stay declared, whoever else declares some at the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone as fo

from ...core.base.params import ParamError
from .fiftyone_compat import reload, undeclared
from .one_writer import one_writer

TRIES = 10


def declare_fields(dataset: fo.Dataset, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Declare those of the fields that are not there, and read back from the database that they are.

    Args:
        wanted: path → what `add_sample_field` takes beside it.

    Raises:
        ParamError: another program overwrites the declarations again and again.
    """
    with one_writer(dataset):
        for _ in range(TRIES):
            for path, options in wanted.items():
                if dataset.get_field(path) is None:
                    dataset.add_sample_field(path, **options)
            lost = undeclared(dataset, list(wanted))
            if not lost and all(dataset.get_field(path) is not None for path in wanted):
                return
            reload(dataset)
    raise ParamError(
        f"The fields {', '.join(map(repr, wanted))} cannot be declared: another program keeps writing to the fields of "
        f"dataset {dataset.name!r}; end it and try again"
    )
