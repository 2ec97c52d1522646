"""Peers and ours in one run: each contestant in a process of its own, in turn, on the same vectors.

A benchmark is a file of contestants, `name → Contestant`, that ends with `main(...)`. Run it:

    python benchmarks/representatives.py                     all its data sets
    python benchmarks/representatives.py --data mnist --repeats 5

Every contestant is first run on a few rows (imports, compilation), then timed once per process. The table shows medians
over the processes, with the peak memory of the process and scores that are measured outside the time.

What a benchmark prints is also kept (`recorded`): `results/<script>.json` holds its tables, each with the machine,
versions, load, commit and command that it was measured with; `pages.py` makes the pages from there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from checkout import load_package

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("numpy", "scikit-learn", "numba")


@dataclass(frozen=True)
class Contestant:
    """One way to do the task.

    Attributes:
        solve: called with the vectors; what it returns is scored. Only this is timed.
        warm: called once before, on a few of the vectors; `solve` when None.
        most: number of rows above which it is left out.
    """

    solve: Callable[[Any], Any]
    warm: Callable[[Any], Any] | None = None
    most: int = 10**9


def synthetic(n: int, d: int = 512, clusters: int | None = None, seed: int = 0) -> Any:
    """(n, d) float32 unit vectors in clusters of clusters, of heavy-tailed sizes and widths, as embeddings have.

    Inside a cluster rows vary mostly along 32 directions: distances in 512 independent ones would all be alike.
    """
    return synthetic_clusters(n, d, clusters, seed)[0]


def synthetic_clusters(n: int, d: int = 512, clusters: int | None = None, seed: int = 0) -> tuple[Any, Any]:
    """The vectors of `synthetic`, and (n,) the cluster of each."""
    rng = np.random.default_rng(seed)
    clusters = clusters or max(600, n // 250)
    groups = rng.normal(size=(30, d))
    centres = groups[rng.integers(30, size=clusters)] + 0.7 * rng.normal(size=(clusters, d))
    directions = rng.normal(size=(32, d))
    share = rng.pareto(1.2, size=clusters) + 0.1
    member = rng.choice(clusters, size=n, p=share / share.sum())
    x = np.empty((n, d), np.float32)
    for start in range(0, n, 50_000):
        rows = slice(start, min(start + 50_000, n))
        count = rows.stop - rows.start
        width = 0.5 * rng.gamma(2, 0.5, size=(count, 1))
        part = centres[member[rows]] + width * (rng.standard_t(4, size=(count, 32)) @ directions) / 4
        part += 0.1 * rng.normal(size=(count, d))
        x[rows] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return x, member


def mnist() -> Any:
    """(10000, 784) float32 pixels of MNIST's test images, in [0, 1]."""
    with np.load(SHARED / "label_errors" / "mnist_test.npz", allow_pickle=False) as arrays:
        images = next(arrays[name] for name in arrays.files if arrays[name].ndim == 3)
    return (images.reshape(len(images), -1) / 255).astype(np.float32)


def cifar() -> Any:
    """(10000, 1280) float32 MobileNetV2 features of CIFAR-10 images."""
    parts = []
    for name in ("cifar10n_5k.npz", "unlabelled_5k.npz"):
        with np.load(SHARED / "cifar10n" / name, allow_pickle=False) as arrays:
            parts.append(arrays["mobilenetv2"].astype(np.float32))
    return np.concatenate(parts)


def main(
    title: str,
    contestants: Mapping[str, Contestant],
    data: Mapping[str, Callable[[], Any]],
    score: Callable[[Any, Any], dict[str, float]],
    default: Sequence[str] = (),
    warm_rows: int = 1_500,
) -> None:
    """Run a benchmark from the command line and print its tables.

    Args:
        data: name → what makes the vectors.
        score: vectors, solution → numbers shown in the table.
        default: the data sets of a plain run; all when empty.
        warm_rows: rows of the untimed first run.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--data", nargs="+", choices=list(data), default=list(default) or list(data))
    parser.add_argument("--only", nargs="+", choices=list(contestants), default=list(contestants))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    load_package()
    if given.one:
        print(json.dumps(_once(contestants[given.one[0]], np.load(given.one[1]), score, warm_rows)))
        return
    print(f"## {title}\n\n{machine()}")
    for name in given.data:
        with tempfile.TemporaryDirectory() as folder:
            x = data[name]()
            np.save(Path(folder) / "x.npy", x)
            running = [one for one in given.only if len(x) <= contestants[one].most]
            shape = x.shape
            del x
            rounds = [{one: _in_process(one, Path(folder) / "x.npy") for one in running} for _ in range(given.repeats)]
        print(f"\n### {name}: {shape[0]:,} x {shape[1]}, medians of {given.repeats}\n")
        print(table({one: _medians([results[one] for results in rounds]) for one in running}))


def over_seeds(
    contestants: Mapping[str, Callable[[Any, int], Any]],
    data: Mapping[str, Callable[[int], Any]],
    score: Callable[[Any, Any], dict[str, float]],
    seeds: Sequence[int] = (0, 1, 2),
) -> None:
    """Print each score's median over seeds, and its least and most; a seed draws the data, the folds and the start."""
    load_package()
    print(f"## Medians of {len(seeds)} seeds\n\n{machine()}\n")
    headed = False
    for name, make in data.items():
        tables = {seed: make(seed) for seed in seeds}
        for contestant, solve in contestants.items():
            began = time.process_time()
            results = [score(tables[seed], solve(tables[seed], seed)) for seed in seeds]
            cells = [f"{(time.process_time() - began) / len(seeds):.1f}"]
            if not headed:
                columns = ["data", "contestant", "CPU s", *results[0]]
                print(f"| {' | '.join(columns)} |\n" + "|---" * len(columns) + "|")
                headed = True
            for key in results[0]:
                values = [result[key] for result in results]
                cells.append(f"{statistics.median(values):.4f} ({min(values):.4f} to {max(values):.4f})")
            print(f"| {name} | {contestant} | " + " | ".join(cells) + " |", flush=True)


def table(results: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown table: a row per contestant, a column per number; seconds also relative to the first row's."""
    columns = list(dict.fromkeys(name for result in results.values() for name in result))
    base = next(iter(results.values()))["seconds"]
    lines = ["| | " + " | ".join(["relative time", *columns]) + " |", "|---" * (len(columns) + 2) + "|"]
    for contestant, result in results.items():
        cells = [f"{result['seconds'] / base:.3g}", *(_number(result.get(name)) for name in columns)]
        lines.append(f"| {contestant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _once(contestant: Contestant, x: Any, score: Callable[[Any, Any], dict[str, float]], warm: int) -> dict[str, float]:
    (contestant.warm or contestant.solve)(x[:warm])
    began, worked = time.perf_counter(), time.process_time()
    solution = contestant.solve(x)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "CPU seconds": cpu, "peak MB": peak, **score(x, solution)}


def _in_process(contestant: str, path: Path) -> dict[str, float]:
    command = [sys.executable, sys.argv[0], "--one", contestant, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{contestant} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _medians(results: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(result[name] for result in results) for name in results[0]}


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


@contextlib.contextmanager
def recorded(script: str, **about: Any) -> Iterator[None]:
    """Keep the tables that are printed meanwhile in `results/<script>.json`; those of another name there stay.

    Nothing is kept of a benchmark that fails, and of one that prints no heading, as contestants' own processes do.

    Args:
        script: its file.
        about: what readers must know of every table: `seeds`, `held_out`.
    """
    printed = _Twice(sys.stdout)
    began, load = time.perf_counter(), os.getloadavg()[0]
    with contextlib.redirect_stdout(printed):
        yield
    tables = tables_in(printed.getvalue())
    if not tables:
        return
    measured = {
        "machine": processor(),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        "load": f"{load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end",
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "commit": _commit(),
        "command": " ".join(["python", *sys.argv]),
        **about,
    }
    path = RESULTS / f"{Path(script).stem}.json"
    found: dict[str, Any] = {"script": f"benchmarks/{Path(script).name}", "tables": {}}
    if path.exists():
        found = json.loads(path.read_text())
    found["tables"] |= {name: {**one, "measured": measured} for name, one in tables.items()}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def tables_in(text: str) -> dict[str, dict[str, Any]]:
    """The Markdown tables of a text, named by their headings: columns, rows, and what is said beside them."""
    found: dict[str, dict[str, Any]] = {}
    for section in re.split(r"^#+ ", text, flags=re.M)[1:]:
        title, _, body = section.partition("\n")
        lines = [line.strip() for line in body.splitlines() if line.strip()]
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        said = [line for line in lines if not line.startswith("|")]
        heads = [number for number, line in enumerate(lines[1:]) if line.startswith("|--")]
        ends = heads[1:] + [len(lines)] * bool(heads)
        for number, (head, end) in enumerate(zip(heads, ends, strict=True), 1):
            rows = [_cells(line) for line in lines[head + 2 : end] if line.startswith("|")]
            table = {"title": title, "columns": _cells(lines[head]), "rows": rows, "said": said}
            found[name if number == 1 else f"{name}-{number}"] = table
        if said and not heads:
            found[name] = {"title": title, "columns": [], "rows": [], "said": said}
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line[1:-1].split("|")]


def machine() -> str:
    """What the figures were measured on, in a line."""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}."


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


class _Twice(io.StringIO):
    """Text that is also written to another stream, as it comes."""

    def __init__(self, other: Any) -> None:
        super().__init__()
        self._other = other

    def write(self, text: str) -> int:
        self._other.write(text)
        self._other.flush()
        return super().write(text)


def _commit() -> str:
    command = ["git", "rev-parse", "--short=10", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
