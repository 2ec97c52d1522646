"""A similarity index of FiftyOne's whose vectors lie in the file of a run, not in a field of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone as fo
import numpy as np
from fiftyone.brain.internal.core.sklearn import SklearnSimilarityIndex

from ..core.base.arrays import Array
from .fields.rows import Rows
from .inputs.read import find_vectors, read_vectors
from .searching import STORED


class StoredVectors(SklearnSimilarityIndex):  # type: ignore[misc]  # FiftyOne's classes are untyped
    """FiftyOne's own index over vectors of the run with its key, read when a process first searches them."""

    @property
    def cls(self) -> str:
        """Where any process finds this class, under whatever name this package was loaded there."""
        return STORED

    def attributes(self) -> list[str]:
        """What goes into the database: the name of this class only."""
        return ["cls"]

    def reload(self) -> None:
        """Read the vectors again, in place of those in memory."""
        vectors, images, objects = _read(self._dataset, self.key, self.config.patches_field)
        self._embeddings, self._sample_ids, self._label_ids = vectors, images, objects
        self._ids_to_inds = self._curr_ids_to_inds = self._neighbors_helper = None
        super().reload()

    @classmethod
    def _from_dict(cls, d: Mapping[str, Any], samples: Any, config: Any, brain_key: str) -> StoredVectors:
        vectors, images, objects = _read(samples._root_dataset, brain_key, config.patches_field)
        return cls(samples, config, brain_key, embeddings=vectors, sample_ids=images, label_ids=objects)


def _read(dataset: fo.Dataset, key: str, objects: str | None) -> tuple[Array, Array, Array | None]:
    """(m, d) vectors of the rows that have one, (m,) their samples' ids and, of objects, (m,) their own.

    Raises:
        ParamError: the file is gone, or nothing has a vector any more.
    """
    path, _, facts = find_vectors(dataset, key)
    rows = Rows(dataset.view(), objects)
    vectors, has = read_vectors(rows, path, facts)
    if not has.all():
        vectors, rows = vectors[has], rows.only(has)
    ids = np.array(rows.ids, dtype=str)
    return vectors, np.array(rows.images, dtype=str), ids if objects is not None else None
