"""Files that users ask for: never over one that is there, never half-written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ...core.base.params import ParamError


def free_path(
    place: str, given: str | Path, kinds: tuple[str, ...], overwrite: bool, default: str | None = None
) -> Path:
    """The path, if a file of one of these kinds may be written there.

    Args:
        place: the parameter that named it, for the error's sentence.
        kinds: endings, such as (".txt", ".csv").
        default: name of the file in a folder that was given; none: a folder is refused.

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
    if path.exists() and not overwrite:
        raise ParamError(
            f"The file {str(path)!r} exists already; choose another name, or pass overwrite=True to replace it"
        )
    if not path.parent.is_dir():
        raise ParamError(f"The folder {str(path.parent)!r} does not exist; make it first, or choose another")
    return path


@contextmanager
def new_text(path: Path) -> Iterator[TextIO]:
    """A text file to write to, which appears when the block is left without an error.

    Raises:
        ParamError: it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise ParamError(
            f"The file {str(path)!r} cannot be written: {error.strerror}; choose a place you may write to"
        ) from None
    finally:
        part.unlink(missing_ok=True)
