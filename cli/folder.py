"""A folder of images as what methods read: row i of everything is the same file."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.base.arrays import Array, Progress
from ..core.base.errors import DataError
from ..core.base.graph import Graph
from ..core.base.inputs import GivenAnnotations, GivenLabels, Inputs
from ..core.base.method import Method
from ..core.base.params import ParamError, Params, domains, roles
from ..core.base.split_names import split_of
from ..core.images.folder_layout import FolderLayout, read_layout
from ..core.images.formats import SUFFIXES
from ..core.images.set_ranges import in_ranges, ranges_of_set
from ..core.neighbors.graph import build_graph

EMBEDDINGS, LABEL, SPLIT = "embeddings", "label", "split"  # what parameters name here
KEPT = 4  # of each kind of work that methods share
LEAST_K = 24  # of a graph that others may need


@dataclass
class ImageFolder:
    """A folder's images, and what methods have made of them.

    Attributes:
        root: the folder.
        layout: what its files and folders say.
        files: (n,) the images as methods read them, in the order of `layout.paths`.
        names: (n,) their paths below the folder, with / between the parts.
    """

    root: Path
    layout: FolderLayout
    files: Sequence[str]
    names: Sequence[str]

    def __post_init__(self) -> None:
        self._shared = SharedInMemory()
        self.take(np.empty((len(self), 0), np.float32), {})

    @classmethod
    def read(cls, root: str | Path, level: str = "parent") -> ImageFolder:
        """List the images of a folder and of those in it.

        Args:
            level: which folder is the class, see `core.images.folder_layout.find_images`.

        Raises:
            ParamError: there is no such folder.
            DataError: it may not be read, or it holds no images.
        """
        top = Path(root).expanduser()
        if not top.is_dir():
            raise ParamError(f"There is no folder {str(root)!r}; name one that holds images")
        layout = read_layout(top, level)
        if layout.closed:
            raise DataError(f"The folder {layout.closed[0]!r} may not be read; ask its owner for the right to")
        if not layout.paths:
            beside = ", ".join(f"{count:,} {ending}" for ending, count in layout.left_out.most_common(5))
            holds = f"; it holds {beside}" if beside else ""
            raise DataError(f"No images in {str(root)!r}{holds}. Known endings: {' '.join(sorted(SUFFIXES))}")
        start = os.path.abspath(top)
        names = [os.path.relpath(path, start).replace(os.sep, "/") for path in layout.paths]
        return cls(top, layout, in_ranges(layout.paths, ranges_of_set(layout.paths)), names)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def there(self) -> dict[str, str | None]:
        """Role → what parameters name; None for what this folder does not have.

        Two splits at least: one alone has no other to leak into.
        """
        splits = {split for split in self.layout.splits if split is not None and split_of(split)}
        return {
            "embeddings": EMBEDDINGS,
            "labels": LABEL if any(self.layout.labels) else None,
            "annotations": LABEL if any(self.layout.labels) else None,
            "splits": SPLIT if len(splits) > 1 else None,
        }

    def take(self, vectors: Array, made_by: Mapping[str, Any]) -> None:
        """Let methods compare the images by these vectors.

        Args:
            vectors: (n, d) float32, NaN for images that cannot be read.
            made_by: what is known of the run that made them.
        """
        self._rows = np.flatnonzero(np.isfinite(vectors).all(axis=1)) if vectors.shape[1] else np.zeros(0, np.int64)
        self._vectors = vectors[self._rows]
        self._made_by = made_by
        self._graphs: dict[str, Graph] = {}  # by metric

    def vectors(self) -> list[Array | None]:
        """(n,) the vector of each image, None where it has none."""
        found: list[Array | None] = [None] * len(self)
        for row, vector in zip(self._rows.tolist(), self._vectors, strict=True):
            found[row] = vector
        return found

    def inputs(self, method: Method, params: Params) -> tuple[Array, Inputs]:
        """What a method's parameters name.

        Returns:
            (m,) the rows that it reads, ascending, and these as its inputs

        Raises:
            DataError: none of them can be used.
        """
        rows = np.arange(len(self))
        named: dict[str, Any] = {}
        vectors = labels = None
        if self._named(params, "embeddings"):
            rows, vectors = self._rows, self._vectors
            if not len(rows):
                raise DataError("No image has a vector to compare it by; each must be one that can be read")
        if name := self._named(params, "labels") or self._named(params, "splits"):
            labels = self._values(name, rows)
            if not (labels.codes >= 0).any():
                if _only_help(params):
                    labels = None
                else:
                    raise DataError(f"No image that can be read has a {name}")
        for parameter, role in roles(type(params)).items():
            if role == "guide" and any(self.layout.labels):
                named[parameter] = self._values(LABEL, rows)
            if role == "annotations":
                named[parameter] = (self._annotations(),)
        return rows, Inputs(
            n=len(rows),
            ids=[self.names[row] for row in rows.tolist()],
            paths=[self.files[row] for row in rows.tolist()] if "paths" in method.reads else (),
            embeddings=vectors,
            labels=labels,
            named=named,
            sources={EMBEDDINGS: self._made_by} if vectors is not None else {},
            graph_of=self._graph_of if vectors is not None else None,
            shared=self._shared,
        )

    def _named(self, params: Params, role: str) -> str | None:
        """What a parameter of this role names; None where none names anything."""
        names = (getattr(params, parameter) for parameter, own in roles(type(params)).items() if own == role)
        return next((name for name in names if isinstance(name, str) and name), None)

    def _values(self, name: str, rows: Array) -> GivenLabels:
        values = self.layout.splits if name == SPLIT else self.layout.labels
        return GivenLabels.of([values[row] for row in rows])

    def _annotations(self) -> GivenAnnotations:
        """The classes as labels that have neither boxes nor shapes."""
        labels = self.layout.labels
        rows = [row for row, label in enumerate(labels) if label is not None]
        return GivenAnnotations(
            field=LABEL,
            is_list=False,
            rows=np.array(rows, dtype=np.int64),
            ids=[self.names[row] for row in rows],
            names=[labels[row] for row in rows],
            known=np.array([label is not None for label in labels], dtype=bool),
            used=np.ones(len(rows), dtype=bool),
            sizes=np.full((len(self), 2), np.nan),
        )

    def _graph_of(self, k: int, metric: str, progress: Progress) -> Graph:
        graph = self._graphs.get(metric)
        if graph is None or graph.k < min(k, len(self._rows) - 1):
            graph = build_graph(self._vectors, k=max(k, LEAST_K), metric=metric, progress=progress)
            self._graphs[metric] = graph
        return graph


def _only_help(params: Params) -> bool:
    """Whether the method can do without the labels that its parameters name."""
    known = domains(type(params))
    return all(known[name].optional for name, role in roles(type(params)).items() if role in ("labels", "splits"))


class SharedInMemory:
    """See `core.base.shared.Shared`: kept for the life of the process."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._kept: dict[str, dict[str, dict[str, Array]]] = defaultdict(dict)

    def find(self, kind: str, key: str) -> dict[str, Array] | None:
        """See `Shared`."""
        return self._kept[kind].get(key)

    def keep(self, kind: str, key: str, arrays: Mapping[str, Array]) -> None:
        """See `Shared`."""
        own = self._kept[kind]
        own.pop(key, None)
        own[key] = dict(arrays)
        for old in list(own)[:-KEPT]:
            del own[old]

    def every(self, kind: str) -> Iterator[dict[str, Array]]:
        """See `Shared`."""
        yield from list(self._kept[kind].values())[::-1]
