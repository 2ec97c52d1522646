"""Files that users ask for: never over one that is there, never half-written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ...core.base.files import new_file
from ...core.base.params import ParamError


def free_path(
    place: str,
    given: str | Path,
    kinds: tuple[str, ...],
    overwrite: bool,
    default: str | None = None,
    beside: Callable[[Path], Sequence[Path]] | None = None,
) -> Path:
    """The path, if a file of one of these kinds may be written there.

    Args:
        place: the parameter that named it, for the error's sentence.
        kinds: endings, such as (".txt", ".csv").
        default: name of the file in a folder that was given; none: a folder is refused.
        beside: the files that will be written next to it.

    Raises:
        ParamError: it has another ending, its folder does not exist, or there is a file and it must stay.
    """
    path = Path(given).expanduser()
    if default is not None and path.is_dir():
        path = path / default
    if path.suffix.lower() not in kinds:
        endings = kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"
        folder = "" if default is None else ", or be a folder that exists"
        raise ParamError(f"{place} must end in {endings}{folder}; got {str(path)!r}")
    for one in (path, *(beside(path) if beside is not None else ())):
        if os.path.lexists(one) and not overwrite:
            raise ParamError(
                f"The file {str(one)!r} exists already; choose another name, or pass overwrite=True to replace it"
            )
        if one.is_dir():
            raise ParamError(f"{place} must name a file; {str(one)!r} is a folder")
    if not path.parent.is_dir():
        raise ParamError(f"The folder {str(path.parent)!r} does not exist; make it first, or choose another")
    return path


@contextmanager
def new_text(path: Path) -> Iterator[TextIO]:
    """A text file to write to, which appears when the block is left without an error.

    Raises:
        ParamError: it cannot be written.
    """
    with writing(path), new_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        yield file


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says in a sentence that the file cannot be written.

    Raises:
        ParamError: it cannot.
    """
    try:
        yield
    except OSError as error:
        raise ParamError(
            f"The file {str(path)!r} cannot be written: {error.strerror or error}; choose a place you may write to"
        ) from None
