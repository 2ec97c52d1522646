"""The ways into FiftyOne that its users know: download, a link in the plugins folder, pip."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
PLUGIN = "@image-curation/curator"
LAYERS = ("core", "dataset", "operators", "panels", "cli")

LOADED = """
import json
from fiftyone.operators.registry import OperatorRegistry
registry = OperatorRegistry()
names = [one.name for one in registry.list_operators(builtin=False)]
print(json.dumps({"errors": registry.list_errors(), "names": names}))
"""

pytestmark = pytest.mark.slow


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def archive_url(clone: Path, tmp_path: Path) -> Iterator[str]:
    """The checkout as an archive, served on the loopback as a forge would serve it."""
    folder = tmp_path / "served"
    shutil.make_archive(str(folder / "archive"), "zip", clone.parent, clone.name)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/archive.zip"
        server.shutdown()
        thread.join()


def declared() -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((ROOT / "fiftyone.yml").read_text())
    return manifest


def assert_loads(outside: Any) -> None:
    loaded = json.loads(outside.python(LOADED).splitlines()[-1])
    assert loaded["errors"] == []
    assert sorted(loaded["names"]) == sorted([*declared()["operators"], *declared()["panels"]])


def test_plugins_download__from_an_archive(outside: Any, archive_url: str) -> None:
    assert "Copying plugin" in outside.fiftyone("plugins", "download", archive_url)
    assert PLUGIN in outside.fiftyone("plugins", "list")
    assert_loads(outside)
    printed = outside.fiftyone("plugins", "requirements", PLUGIN, "--print")
    assert "cleanlab>=2.9" in printed
    outside.fiftyone("plugins", "requirements", PLUGIN, "--install")
    outside.fiftyone("plugins", "requirements", PLUGIN, "--ensure")


def test_plugins_folder__a_link(outside: Any) -> None:
    (outside.plugins / "curator").symlink_to(ROOT, target_is_directory=True)
    assert_loads(outside)


def test_pip_install__brings_everything(outside: Any, clone: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(clone, source)  # the build leaves files behind
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    outside.run(*pip, "--target", str(target), str(source))
    found = json.loads(
        outside.python(
            "import image_curation, json; print(json.dumps([image_curation.__file__, image_curation.__version__]))",
            PYTHONPATH=str(target),
        )
    )
    assert found == [str(target / "image_curation" / "__init__.py"), declared()["version"]]

    # The installed package is the plugin too: every file of the package, and the data that it reads at run time.
    package = target / "image_curation"
    wanted = [path for layer in LAYERS for path in (clone / layer).rglob("*.py")]
    wanted += [
        path
        for folder in ("models", "recipes", "dist", "core/pages/templates")
        for path in (clone / folder).rglob("*")
        if path.is_file()
    ]
    wanted += [clone / name for name in ("fiftyone.yml", "requirements.txt", "py.typed", "sdk.py")]
    missing = [path.relative_to(clone) for path in wanted if not (package / path.relative_to(clone)).is_file()]
    assert missing == []
    assert list(target.glob("*.dist-info/licenses/LICENSE"))
    said = outside.run(str(target / "bin" / "image-curation"), "--version", PYTHONPATH=str(target)).stdout
    assert said == f"image-curation {declared()['version']}\n"

    (outside.plugins / "curator").symlink_to(package, target_is_directory=True)
    assert_loads(outside)
