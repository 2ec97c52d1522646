"""Recipes: an ordered list of methods with their parameters, as YAML; run, and written from what was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import yaml

from ...core.base.arrays import Progress, silent
from ...core.base.params import ParamError, Params, param
from ...core.catalog import method_named
from ..curate import curate
from ..fields.working_set import Choice
from ..runs.freshness import Freshness, gone_field
from ..runs.record import Run, list_runs
from ..storage.output_files import free_path, new_text
from .action import Action

FOLDER = Path(__file__).resolve().parents[2] / "recipes"


@dataclass(frozen=True)
class Step:
    """One line of a recipe."""

    method: str
    key: str
    params: Mapping[str, Any]
    choice: Choice = Choice()


def load_recipe(source: str | Path | Mapping[str, Any]) -> list[Step]:
    """The steps of a recipe: a mapping, a YAML file, or the name of one that comes with Curator.

    Raises:
        ParamError: no such file, not a recipe, or a step that names no method or a parameter outside its domain.
    """
    said = "the recipe" if isinstance(source, Mapping) else repr(str(source))
    given = source if isinstance(source, Mapping) else _read(Path(source))
    steps = given.get("steps") if isinstance(given, Mapping) else None
    if not isinstance(steps, list) or not steps:
        raise ParamError(f"A recipe holds a list under 'steps'; {said} does not")
    return [_step(number, step) for number, step in enumerate(steps, 1)]


def run_recipe(
    samples: fo.Dataset | fo.DatasetView,
    recipe: str | Path | Mapping[str, Any],
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> list[Run]:
    """Run the steps in turn; with the whole recipe checked before the first begins.

    A step whose run is there with the same parameters and not stale is kept, so a recipe that was interrupted goes on
    where it was.

    Args:
        overwrite: replace runs that are there with other parameters, or stale.
    """
    steps = load_recipe(recipe)
    dataset = samples if isinstance(samples, fo.Dataset) else samples._root_dataset
    done = []
    for number, step in enumerate(steps, 1):
        kept = _kept(dataset, step)
        done.append(
            kept
            if kept is not None
            else curate(
                samples,
                step.method,
                key=step.key,
                overwrite=overwrite or _is_gone(dataset, step),
                progress=_within(progress, f"step {number} of {len(steps)}, {step.method}"),
                include_excluded=step.choice.include_excluded,
                given_labels=step.choice.given_labels,
                **step.params,
            )
        )
    return done


def export_recipe(dataset: fo.Dataset, path: str | Path | None = None, *, overwrite: bool = False) -> str:
    """The dataset's runs as a recipe; written to `path`, a .yaml or .yml file, where one is given.

    Args:
        overwrite: replace a file that is there.

    Returns:
        the YAML text

    Raises:
        ParamError: the file may not be written there.
    """
    if path is not None:
        path = free_path("ExportRecipeParams.path", path, (".yaml", ".yml"), overwrite)
    steps = [
        {"method": run.method, "key": run.key, **_told(run), "params": dict(run.params)}
        for run in list_runs(dataset)
        if run.status == "done" and run.declaration is not None
    ]
    text = yaml.safe_dump({"steps": steps}, sort_keys=False, allow_unicode=True)
    if path is not None:
        with new_text(path) as file:
            file.write(text)
    return text


def _read(path: Path) -> Any:
    shipped = FOLDER / f"{path}.yml"
    file = shipped if not path.suffix and shipped.is_file() else path.expanduser()
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = ", ".join(sorted(other.stem for other in FOLDER.glob("*.yml")))
        raise ParamError(f"There is no recipe {str(path)!r}; name a YAML file, or one of: {names}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParamError(f"The recipe {str(path)!r} cannot be read: {str(error).splitlines()[0]}") from None


def _step(number: int, step: Any) -> Step:
    if not isinstance(step, Mapping) or not isinstance(step.get("method"), str):
        raise ParamError(f"Step {number} of the recipe must be a mapping with 'method'; got {step!r}")
    method = method_named(step["method"])
    params = step.get("params") or {}
    method.params.from_dict(params)
    choice = Choice(*(step.get(name) is True for name in ("include_excluded", "given_labels")))
    return Step(method.name, str(step.get("key", method.key)), params, choice)


def _told(run: Run) -> dict[str, bool]:
    """What a run read beside the working set."""
    choice = Choice.of(run.working)
    told = {"include_excluded": choice.include_excluded, "given_labels": choice.given_labels}
    return {name: True for name, value in told.items() if value and run.declaration and not run.declaration.on_all_rows}


def _within(progress: Progress, step: str) -> Progress:
    """Progress that says which step it belongs to."""

    def said(done: int, total: int, doing: str = "") -> None:
        progress(done, total, f"{step}: {doing}")

    return said


def _kept(dataset: fo.Dataset, step: Step) -> Run | None:
    run = next((run for run in list_runs(dataset) if run.key == step.key and run.status == "done"), None)
    if run is None or run.method != step.method or Freshness(dataset).stale_reason(run.key):
        return None
    wanted = method_named(step.method).params.from_dict(step.params).to_dict()
    given = Choice(step.choice.include_excluded or method_named(step.method).on_all_rows, step.choice.given_labels)
    return run if dict(run.params) == wanted and (not run.working or Choice.of(run.working) == given) else None


def _is_gone(dataset: fo.Dataset, step: Step) -> bool:
    """Whether the step's own run is there and its results are not: nothing is lost by replacing it."""
    run = next((run for run in list_runs(dataset) if run.key == step.key and run.status == "done"), None)
    return run is not None and run.method == step.method and gone_field(dataset, run) is not None


@dataclass(frozen=True, kw_only=True)
class RunRecipeParams(Params):
    """Run a list of methods in turn; steps that are done and up to date are not repeated."""

    recipe: str = param("starter", "A recipe that comes with Curator, or a YAML file", suggest=("starter",))
    overwrite: bool = param(False, "Replace runs that have other parameters or are out of date")


def _run_recipe(samples: fo.DatasetView, params: RunRecipeParams, progress: Progress) -> dict[str, Any]:
    done = run_recipe(samples, params.recipe, overwrite=params.overwrite, progress=progress)
    return {"headline": f"{len(done)} steps done", **{run.key: run.headline for run in done}}


@dataclass(frozen=True, kw_only=True)
class ExportRecipeParams(Params):
    """Save this dataset's runs as a recipe, to repeat them on another dataset."""

    path: str = param(help="File to write: .yaml or .yml", path="file")
    overwrite: bool = param(False, "Replace an existing file")


def _export_recipe(samples: fo.DatasetView, params: ExportRecipeParams, progress: Progress) -> dict[str, Any]:
    text = export_recipe(samples._root_dataset, params.path, overwrite=params.overwrite)
    return {"headline": f"Recipe written to {params.path}", "recipe": text}


RUN_ACTION = Action(
    name="run_recipe", label="Run recipe", stage="runs", params=RunRecipeParams, run=_run_recipe, risk="medium"
)
EXPORT_ACTION = Action(
    name="export_recipe",
    label="Export recipe",
    stage="runs",
    params=ExportRecipeParams,
    run=_export_recipe,
    risk="medium",
)
