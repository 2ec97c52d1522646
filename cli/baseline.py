"""Findings that are known and accepted: a file of them, so that only what is new counts.

A finding is known by its kind, its place and the content of its file: a picture that was replaced is judged anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..core.base.files import new_file
from ..core.base.params import ParamError
from .check import Spot

FORMAT, VERSION = "image-curation baseline", 1

Known = frozenset[tuple[str, str, str]]


def write(path: Path, spots: Sequence[Spot]) -> None:
    """Write a baseline of these findings; the file appears complete or not at all.

    Raises:
        OSError: it cannot be written.
    """
    lines = [json.dumps(list(one), ensure_ascii=False) for one in sorted(map(_identity, spots))]
    body = ",\n".join(f"  {line}" for line in lines)
    head = f'{{"format": {json.dumps(FORMAT)}, "version": {VERSION}, "fields": ["kind", "place", "sha256"],'
    with new_file(path) as part:
        part.write_text(f'{head}\n "findings": [\n{body}\n]}}\n' if lines else f'{head}\n "findings": []}}\n', "utf-8")


def read(path: Path) -> Known:
    """The findings of a baseline.

    Raises:
        ParamError: there is no such file, it is none, or it is of another version.
    """
    try:
        said = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ParamError(f"There is no baseline {str(path)!r}; make one with --write-baseline") from None
    except (OSError, ValueError) as error:
        raise ParamError(
            f"The baseline {str(path)!r} cannot be read ({error}); make one with --write-baseline"
        ) from None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise ParamError(f"{str(path)!r} is no baseline; make one with --write-baseline")
    if said.get("version") != VERSION:
        raise ParamError(
            f"The baseline {str(path)!r} is of version {said.get('version')!r}, and this program reads version "
            f"{VERSION}; make it again with --write-baseline"
        )
    try:
        return frozenset((str(kind), str(place), str(content)) for kind, place, content in said["findings"])
    except (KeyError, TypeError, ValueError):
        raise ParamError(f"The baseline {str(path)!r} is damaged; make it again with --write-baseline") from None


def new_only(spots: Sequence[Spot], known: Known) -> list[Spot]:
    """The findings that a baseline does not have."""
    return [spot for spot in spots if _identity(spot) not in known]


def _identity(spot: Spot) -> tuple[str, str, str]:
    return spot.kind.name, spot.place, spot.content
