"""The committed bundle is built from the committed sources; checked without Node."""

from __future__ import annotations

import hashlib
import importlib
import re
from pathlib import Path

import pytest
import web_types

ROOT = Path(__file__).resolve().parent.parent.parent
WEB = ROOT / "panels" / "web"
BUNDLE = ROOT / "dist" / "index.umd.js"
PAGE = ROOT / "tests" / "browser" / "page.js"
OUTSIDE_SRC = ("package-lock.json", "package.json", "sources.ts", "tsconfig.json", "vite.config.ts")
LARGEST = 600_000
DRAWN_BY = {
    "curation": ("Curation", "Dashboard", "Kinds", "RunView"),
    "review": ("Batch", "Review", "Decide", "Labels", "Session"),
    "report": ("Report",),
    "comparison": ("Comparison",),
    "map": ("Map", "MapChosen", "MapLegend", "MapPoint"),
}


def digest_of_sources(*folders: str) -> str:
    """The same digest as panels/web/sources.ts computes."""
    paths = [path for folder in folders for path in (WEB / folder).rglob("*") if path.is_file()]
    inside = [path.relative_to(WEB).as_posix() for path in paths]
    state = hashlib.sha256()
    for path in sorted([*inside, *OUTSIDE_SRC]):
        text = (WEB / path).read_bytes().decode().replace("\r\n", "\n")
        state.update(f"{path}\n{text}\n".encode())
    return state.hexdigest()


def test_types__follow_from_the_payloads() -> None:
    """What Python declares is what the views are typed by."""
    assert web_types.WRITTEN.read_text() == web_types.source()


@pytest.mark.parametrize(("built", "folders"), [(BUNDLE, ("src",)), (PAGE, ("src", "demo"))])
def test_bundle__is_fresh(built: Path, folders: tuple[str, ...]) -> None:
    first = built.read_text().split("\n", 1)[0]
    built_from = re.search(r"sha256:([0-9a-f]{64})", first)
    assert built_from is not None
    assert built_from[1] == digest_of_sources(*folders), (
        f"panels/web has changed since {built.name} was built: make web"
    )


def test_bundle__is_small_and_asks_for_nothing_outside() -> None:
    text = BUNDLE.read_text()
    assert len(text) < LARGEST
    assert set(re.findall(r"""require\(["']([^"']+)["']\)""", text)) == {
        "react",
        "@mui/material",
        "@fiftyone/operators",
        "@fiftyone/plugins",
        "@fiftyone/state",
        "recoil",
    }
    assert re.findall(r"https?://[^\"'` ]+", text) == []


@pytest.mark.parametrize(
    ("panel", "files"),
    DRAWN_BY.items(),
)
def test_bundle__draws_the_panel_and_sends_events_that_it_has(panel: str, files: tuple[str, ...]) -> None:
    folder = "compare" if panel == "comparison" else panel
    module = importlib.import_module(f"image_curation.panels.{folder}.panel")
    drawn = getattr(module, f"{panel.title()}Panel")
    sources = "\n".join((WEB / "src" / folder / f"{name}.tsx").read_text() for name in files)
    used = {path for path in (WEB / "src" / "components").glob("*.tsx") if f"<{path.stem} " in sources}
    sources += "\n".join(path.read_text() for path in used)
    sent = set(re.findall(r"""(?:send|current|act)\("(\w+)\"""", sources))
    assert sent
    assert sent <= set(drawn.events())
    assert f'"Curator{panel.title()}"' in (WEB / "src" / "index.tsx").read_text()


def test_bundle__every_component_of_a_panel_is_looked_at() -> None:
    drawn = {path.stem for path in (WEB / "src").glob("*/*.tsx") if path.parent.name not in ("components", "activity")}
    assert drawn == {file for files in DRAWN_BY.values() for file in files}
