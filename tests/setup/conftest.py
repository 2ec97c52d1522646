"""A copy of what a clone would hold, and FiftyOne in a process of its own, as users start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout without what git ignores, in a folder with another name."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
    target = tmp_path_factory.mktemp("clone") / "some-other-name"
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(".git", *ignored))
    return target


class Outside:
    """Runs commands as a user's shell would: outside the checkout, with FiftyOne's home in a temporary folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.plugins = home / "plugins"
        self.plugins.mkdir(parents=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FIFTYONE_", "PYTHONPATH"))}
        self.environment = kept | {
            "FIFTYONE_DATABASE_DIR": str(home / "database"),
            "FIFTYONE_PLUGINS_DIR": str(self.plugins),
            "FIFTYONE_CONFIG_PATH": str(home / "config.json"),
            "FIFTYONE_APP_CONFIG_PATH": str(home / "app_config.json"),
            "FIFTYONE_DO_NOT_TRACK": "true",
            "FIFTYONE_DATABASE_VALIDATION": "false",
        }

    def run(self, *command: str, check: bool = True, **environment: Any) -> subprocess.CompletedProcess[str]:
        """Run to the end; its output is in the assertion when it fails."""
        done = subprocess.run(
            command, cwd=self.home, env=self.environment | environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def python(self, code: str, **environment: Any) -> str:
        """What a piece of Python prints."""
        return self.run(sys.executable, "-c", code, **environment).stdout

    def fiftyone(self, *arguments: str) -> str:
        """What FiftyOne's command prints."""
        done = self.run(str(Path(sys.executable).with_name("fiftyone")), *arguments)
        return done.stdout + done.stderr


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path / "home")
