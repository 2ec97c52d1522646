"""Which constants can be changed without a test noticing: `python scripts/mutate.py core/probes`.

Works on a copy of the checkout. In it, one numeric constant of the folder's modules is changed at a time, far to either
side, and the tests of the same folder under `tests/` are run until one fails. What survives is either held by no test,
or has hardly any effect; both are worth knowing.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Mutant:
    """One constant with another value.

    Attributes:
        path: the module, relative to the checkout.
        name: of the constant.
        line: where it stands, from 1.
        begin, end: columns of the literal in that line, in bytes.
        before, after: the values.
    """

    path: Path
    name: str
    line: int
    begin: int
    end: int
    before: float
    after: float

    def write(self, root: Path) -> None:
        """Change it in the checkout at `root`."""
        lines = (ROOT / self.path).read_bytes().splitlines(keepends=True)
        old = lines[self.line - 1]
        lines[self.line - 1] = old[: self.begin] + repr(self.after).encode() + old[self.end :]
        (root / self.path).write_bytes(b"".join(lines))

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.name} = {self.before!r} → {self.after!r}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Of every module-level constant of a file: a name in capitals and a number, or names and numbers in step."""
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign):
            continue
        target = node.targets[0]
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=False))
        for name, value in pairs:
            if not (isinstance(name, ast.Name) and name.id.isupper() and isinstance(value, ast.Constant)):
                continue
            if isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
                for after in elsewhere(value.value):
                    place = (value.lineno, value.col_offset, value.end_col_offset or 0)
                    yield Mutant(path, name.id, *place, value.value, after)


def elsewhere(value: float) -> list[float]:
    """Two values far from this one: shares move towards 0 and 1, other numbers by a factor of ten."""
    if isinstance(value, int):
        return [each for each in dict.fromkeys((max(value // 10, 1), value * 10)) if each != value]
    if 0 < value < 1:
        return [value / 10, 1 - (1 - value) / 10]
    return [value / 10, value * 10] if value else [1.0]


def copied(folder: Path) -> Path:
    """A copy of what git tracks, and of new files that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return folder


def passes(root: Path, tests: list[str]) -> bool:
    """Whether the tests pass in the checkout at `root`."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False).returncode == 0


def main() -> int:
    """Try all; 1 where any survives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="folder or file of the package, such as core/probes")
    parser.add_argument("--tests", nargs="+", help="tests to run; those of the same folder by default")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these constants")
    given = parser.parse_args()
    place = Path(given.folder)
    files = [place] if place.suffix else sorted(path.relative_to(ROOT) for path in (ROOT / place).rglob("*.py"))
    chosen = [one for path in files for one in mutants(path) if not given.only or one.name in given.only]
    tests = given.tests or [str(Path("tests") / (place.parent if place.suffix else place))]
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="curator-mutants-") as folder:
        root = copied(Path(folder) / "image-curation")
        if not passes(root, tests):
            print(f"{' '.join(tests)}: the tests fail as they are", file=sys.stderr)
            return 2
        for mutant in chosen:
            mutant.write(root)
            survived = passes(root, tests)
            survivors += survived
            print("SURVIVED" if survived else "caught  ", mutant, flush=True)
            shutil.copy2(ROOT / mutant.path, root / mutant.path)
    print(f"{len(chosen) - survivors} of {len(chosen)} caught")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
