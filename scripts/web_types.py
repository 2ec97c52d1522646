"""Writes panels/web/src/types.ts from the payloads that the Python side declares. Run by `make web`; a test compares.

A TypedDict becomes an interface, a named union a type; what "Attributes:" says of a key stands above it.
"""

# ruff: noqa: E402
from __future__ import annotations

import inspect
import os
import re
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from typing_extensions import NotRequired, get_type_hints, is_typeddict

os.environ.setdefault("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:1/")  # nothing here asks it anything

from checkout import load_package

load_package()

from image_curation.operators import payloads as operators
from image_curation.panels.compare import payloads as comparison
from image_curation.panels.curation import payloads as curation
from image_curation.panels.map import payloads as points
from image_curation.panels.report import payloads as report
from image_curation.panels.review import payloads as review
from image_curation.panels.shared import payloads as shared

WRITTEN = Path(__file__).resolve().parent.parent / "panels" / "web" / "src" / "types.ts"
MODULES = (shared, curation, review, report, points, comparison, operators)
HEAD = (
    "// Made by `make web` from the payloads that the Python side declares (panels/*/payloads.py); edit those instead."
)
PLAIN = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    None: "null",
    Any: "unknown",
}
UNIONS = (Union, types.UnionType)


def main() -> None:
    """Write the file."""
    WRITTEN.write_text(source(), encoding="utf-8")
    print(f"written: {WRITTEN}")


def source() -> str:
    """The whole file."""
    names = _names()
    parts = [HEAD]
    for name, what in names.items():
        parts.append(_interface(name, what, names) if is_typeddict(what) else _alias(name, what, names))
    return "\n\n".join(parts) + "\n"


def _names() -> dict[str, Any]:
    """Name → what it stands for, of all payloads, each once.

    Raises:
        ValueError: two payloads have the same name.
    """
    found: dict[str, Any] = {}
    for module in MODULES:
        for name, what in vars(module).items():
            if not is_typeddict(what) and get_origin(what) not in (Literal, *UNIONS):
                continue
            if found.setdefault(name, what) != what:
                raise ValueError(f"two payloads are called {name}; rename one")
    return found


def _interface(name: str, payload: Any, names: dict[str, Any]) -> str:
    about, said = _docs(payload)
    hints = get_type_hints(payload, include_extras=True)
    lines = [f"/** {about} */", f"export interface {name} {{"]
    for key, hint in hints.items():
        optional = _is_optional(hint) or not payload.__total__
        hint = get_args(hint)[0] if _is_optional(hint) else hint
        lines += [f"  /** {said[key]} */"] if key in said else []
        lines.append(f"  {key}{'?' if optional else ''}: {_typed(hint, names)};")
    return "\n".join([*lines, "}"])


def _is_optional(hint: Any) -> bool:
    origin: Any = get_origin(hint)
    return origin is NotRequired


def _alias(name: str, what: Any, names: dict[str, Any]) -> str:
    others = {other: one for other, one in names.items() if other != name}
    return f"export type {name} = {_typed(what, others)};"


def _typed(hint: Any, names: dict[str, Any]) -> str:
    """A type in TypeScript; numbers are one kind there, so int and float are told once."""
    known = next((name for name, one in names.items() if one is hint or one == hint), None)
    if known is not None:
        return known
    origin: Any = get_origin(hint)
    of = get_args(hint)
    if origin in UNIONS:
        return " | ".join(dict.fromkeys(_typed(one, names) for one in of))
    if origin is Literal:
        return " | ".join(str(one) if isinstance(one, int) else f'"{one}"' for one in of)
    if origin is list:
        inner = _typed(of[0], names)
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if origin is tuple:
        return f"[{', '.join(_typed(one, names) for one in of)}]"
    if origin is dict:
        return f"Record<{_typed(of[0], names)}, {_typed(of[1], names)}>"
    return PLAIN[hint]


def _docs(payload: Any) -> tuple[str, dict[str, str]]:
    """The first sentences of a docstring, and what it says of each key."""
    about, _, rest = inspect.cleandoc(payload.__doc__ or "").partition("\n\nAttributes:\n")
    return " ".join(about.split()), dict(_told(rest))


def _told(rest: str) -> Iterator[tuple[str, str]]:
    for entry in re.split(r"\n(?=\S)", textwrap.dedent(rest)):
        keys, found, text = entry.partition(":")
        for key in keys.split(",") if found else ():
            said = " ".join(text.split())
            yield key.strip(), said[:1].upper() + said[1:].rstrip(".") + "."


if __name__ == "__main__":
    main()
