"""Slices: saved views defined by a membership field or a condition, never by a list of ids."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import numpy as np
from fiftyone import ViewField as F

from ...core.base.arrays import Progress
from ...core.base.params import ParamError, Params, param
from ..fields.conditions import equals, holds
from ..fields.rows import Rows, resolved, root_of, rows_of, shown_field
from ..fields.saved_views import named_like
from .action import Action, counted

PREFIX = "slice_"


@dataclass(frozen=True, kw_only=True)
class SaveSliceParams(Params):
    """Save the current view, or the samples that meet a condition, as a named view.

    A slice of objects (patches in the grid, or a condition on their attributes) holds the images that have such
    objects, and shows only these.
    """

    name: str = param(help="Name of the slice in the App's list of saved views")
    field: str | None = param(None, "Field for the condition; empty: the samples of the current view")
    equals: str | None = param(None, "Samples whose field has or contains this value")
    at_least: float | None = param(None, "Samples whose field is at least this")
    at_most: float | None = param(None, "Samples whose field is at most this")
    frozen: bool = param(False, "Keep exactly these samples even if values change later")
    overwrite: bool = param(False, "Replace a slice of this name")

    def check(self) -> None:
        """A name that says something, and a condition where a field is given."""
        if not re.search(r"\w", self.name):
            raise ParamError(f"SaveSliceParams.name must contain a letter or digit; got {self.name!r}")
        conditions = (self.equals, self.at_least, self.at_most)
        if self.field is None and any(value is not None for value in conditions):
            raise ParamError(
                "SaveSliceParams.field must name the field that equals, at_least or at_most is about; got none"
            )
        if self.field is not None and all(value is None for value in conditions):
            raise ParamError(
                f"SaveSliceParams needs equals, at_least or at_most for field {self.field!r}; got none of them"
            )
        if self.equals is not None and (self.at_least is not None or self.at_most is not None):
            raise ParamError("SaveSliceParams takes either equals, or at_least and at_most; got both")


def save_slice(samples: fo.DatasetView, params: SaveSliceParams, progress: Progress) -> dict[str, Any]:
    """Save a slice; frozen ones get a membership field, live ones a condition."""
    dataset = samples._root_dataset
    taken = named_like(dataset, params.name)
    if taken is not None and not params.overwrite:
        raise ParamError(
            f"A saved view {taken!r} exists already; choose another name, or pass overwrite=True to replace it"
        )
    name, about = resolved(dataset, params.field) if params.field else (None, shown_field(samples))
    params = replace(params, field=name)
    rows = rows_of(samples, about)
    if name is not None:
        meeting = set(rows_of(_meeting(dataset, params, about), about).ids)
        rows = rows.only(np.array([one in meeting for one in rows.ids], dtype=bool))
    if not len(rows):
        raise ParamError(f"No {rows.word} meets the condition of slice {params.name!r}; nothing was saved")
    frozen = params.frozen or name is None
    if taken is not None:
        dataset.delete_saved_view(taken)
    if frozen:
        path, count = _stamp(dataset, rows, params.name), len(rows)
        view = _meeting(dataset, replace(params, field=path, equals="true", at_least=None, at_most=None), about)
        said = f"{counted(count, rows.word)}, fixed by field {path!r}"
    else:
        view, count = _meeting(dataset, params, about), len(meeting)
        said = f"{rows.word}s with {_said(params)}, kept up to date"
    made_by = (dataset.get_field(name).info or {}).get("run") if name else None
    dataset.save_view(params.name, view, description=f"Curator slice: {said}" + (f"; run {made_by}" if made_by else ""))
    return {
        "headline": f"Slice {params.name!r}: {counted(count, rows.word)}",
        "name": params.name,
        "count": count,
        "frozen": frozen,
    }


def _meeting(dataset: fo.Dataset, params: SaveSliceParams, about: str | None) -> fo.DatasetView:
    """The samples that meet the condition; or those that have such objects, with these alone."""
    if about is None:
        return dataset.match(condition(dataset, params))
    return dataset.filter_labels(about, condition(dataset, params, inside=root_of(dataset, about)))


def condition(dataset: fo.Dataset, params: SaveSliceParams, inside: str | None = None) -> Any:
    """The condition as a view expression, of samples or of the labels in the list `inside`.

    Raises:
        ParamError: no such field, or the value is not of the field's type.
    """
    schema = dataset.get_field(params.field)
    if schema is None:
        raise ParamError(f"Dataset {dataset.name!r} has no field {params.field!r}; name one of its fields")
    path = params.field
    if isinstance(schema, fof.EmbeddedDocumentField) and schema.document_type is fo.Classification:
        path, schema = f"{path}.label", dataset.get_field(f"{path}.label")
    elif isinstance(schema, fof.EmbeddedDocumentField) and schema.document_type is fo.Classifications:
        path = f"{path}.classifications.label"
    path = str(path).removeprefix(f"{inside}.") if inside else str(path)
    if path.endswith(".classifications.label") and params.equals is not None:
        return holds(path, params.equals)
    if isinstance(schema, fof.ListField) and params.equals is not None:
        return holds(path, _typed(schema.field, params.equals, params.field))
    if params.equals is not None:
        return equals(path, _typed(schema, params.equals, params.field))
    if not isinstance(schema, (fof.FloatField, fof.IntField)):
        raise ParamError(f"at_least and at_most need a number field; {params.field!r} is {type(schema).__name__}")
    expression = F(path) != None  # noqa: E711
    if params.at_least is not None:
        expression = expression & (F(path) >= params.at_least)
    if params.at_most is not None:
        expression = expression & (F(path) <= params.at_most)
    return expression


def _typed(schema: fof.Field, text: str, path: str | None) -> Any:
    if isinstance(schema, fof.BooleanField):
        if text.lower() not in ("true", "false"):
            raise ParamError(f"{path!r} is true or false; got equals={text!r}")
        return text.lower() == "true"
    if isinstance(schema, (fof.IntField, fof.FloatField)):
        try:
            return float(text)
        except ValueError:
            raise ParamError(f"{path!r} holds numbers; got equals={text!r}") from None
    return text


def _stamp(dataset: fo.Dataset, rows: Rows, name: str) -> str:
    path = rows.path(PREFIX + re.sub(r"\W+", "_", name).strip("_").lower())
    if dataset.get_field(path) is not None:
        if (dataset.get_field(path).info or {}).get("slice") != name:
            raise ParamError(
                f"Field {path!r} exists already and is not this slice's; choose another name than {name!r}"
            )
        dataset.delete_sample_field(path)
    info = {"slice": name}
    dataset.add_sample_field(path, fo.BooleanField, description=f"Member of slice {name!r}", info=info)
    dataset.create_index(path)
    rows.set(dataset, path, True)
    return path


def _said(params: SaveSliceParams) -> str:
    if params.equals is not None:
        return f"{params.field}: {params.equals}"
    bounds = [f"{params.at_least:g} ≤" if params.at_least is not None else "", str(params.field)]
    bounds.append(f"≤ {params.at_most:g}" if params.at_most is not None else "")
    return " ".join(part for part in bounds if part)


ACTION = Action(
    name="save_slice", label="Save slice", stage="act", params=SaveSliceParams, run=save_slice, risk="medium"
)
