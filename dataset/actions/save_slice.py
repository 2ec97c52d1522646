"""Slices: saved views defined by a membership field or a condition, never by a list of ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import numpy as np
from fiftyone import ViewField as F

from ...core.base.arrays import Progress
from ...core.base.params import ParamError, Params, param
from ..fields.conditions import equals, holds
from ..fields.declarations import declare_fields
from ..fields.leases import Lease
from ..fields.one_writer import one_writer
from ..fields.rows import Rows, attribute, every, resolved, root_of, rows_of, shown_field
from ..fields.saved_views import LONGEST, named_like, save_view, slug_of
from ..runs import claims
from ..storage.staged import Staged, collection_for
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
        """A name that the App can show, and a condition where a field is given."""
        if len(self.name) > LONGEST:
            raise ParamError(f"SaveSliceParams.name must have at most {LONGEST} letters; got {len(self.name)}")
        if not slug_of(self.name):
            raise ParamError(
                "SaveSliceParams.name must contain a letter from a to z or a digit, from which the App makes the "
                f"slice's address; got {self.name!r}"
            )
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
    made_by = (dataset.get_field(name).info or {}).get("run") if name else None
    origin = f"; run {made_by}" if made_by else ""
    count = len(rows) if frozen else len(meeting)
    if frozen:
        _freeze(dataset, rows, params.name, taken, origin)
    else:
        said = f"Curator slice: {rows.word}s with {_said(params)}, kept up to date{origin}"
        save_view(dataset, params.name, _meeting(dataset, params, about), said)
    return {
        "headline": f"Slice {params.name!r}: {counted(count, rows.word)}",
        "name": params.name,
        "count": count,
        "frozen": frozen,
    }


def _meeting(dataset: fo.Dataset, params: SaveSliceParams, about: str | None) -> fo.DatasetView:
    """The samples that meet the condition; or those that have such objects, with these alone."""
    if about is None:
        return every(dataset).match(condition(dataset, params))
    return every(dataset).filter_labels(about, condition(dataset, params, inside=root_of(dataset, about)))


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


def _freeze(dataset: fo.Dataset, rows: Rows, name: str, taken: str | None, origin: str) -> None:
    """Save a slice of exactly these rows, by a field that says who is in it; an earlier one stays until it is ready."""
    path = rows.path(PREFIX + re.sub(r"\W+", "_", name).strip("_").lower())
    schema = dataset.get_field(path)
    if schema is not None and (schema.info or {}).get("slice") not in (name, taken):
        raise ParamError(f"Field {path!r} exists already and is not this slice's; choose another name than {name!r}")
    key = f"slice {name}"
    lease = claims.claim(dataset, key, {"method": "save_slice"})
    staged = Staged(dataset, collection_for(dataset, lease.owner), rows.field, rows.inside)
    promised = {
        "kind": "slice",
        "name": name,
        "path": path,
        "objects": rows.field,
        "inside": rows.inside,
        "staged": staged.name,
        "description": f"Curator slice: {counted(len(rows), rows.word)}, fixed by field {path!r}{origin}",
    }
    try:
        order = sorted(range(len(rows)), key=lambda row: rows.images[row])
        staged.add((rows.images[row], rows.ids[row], {path: True}) for row in order)
        put_slice_in_place(dataset, promised, claims.promise(dataset, key, promised))
    except BaseException:
        claims.leave(dataset, key)
        raise
    claims.release(dataset, key)


@claims.finishes("slice")
def put_slice_in_place(dataset: fo.Dataset, promised: Mapping[str, Any], lease: Lease) -> None:
    """The staged members become the field, and the view shows them; doing it again is harmless."""
    path, objects = promised["path"], promised["objects"]
    staged = Staged(dataset, promised["staged"], objects, promised["inside"])
    with one_writer(dataset):
        stale = [path] if dataset.get_field(path) is not None else []
        if not stale:
            said, info = f"Member of slice {promised['name']!r}", {"slice": promised["name"]}
            declare_fields(dataset, {path: {"ftype": fo.BooleanField, "description": said, "info": info}})
            dataset.create_index(path)
        staged.put_in_place([path], stale, whole=True)
        if objects is None:
            view = every(dataset).match(F(path) == True)  # noqa: E712
        else:
            view = every(dataset).filter_labels(objects, F(attribute(dataset, objects, path)) == True)  # noqa: E712
        save_view(dataset, promised["name"], view, promised["description"])
    staged.drop()


def _said(params: SaveSliceParams) -> str:
    if params.equals is not None:
        return f"{params.field}: {params.equals}"
    bounds = [f"{params.at_least:g} ≤" if params.at_least is not None else "", str(params.field)]
    bounds.append(f"≤ {params.at_most:g}" if params.at_most is not None else "")
    return " ".join(part for part in bounds if part)


ACTION = Action(
    name="save_slice", label="Save slice", stage="act", params=SaveSliceParams, run=save_slice, risk="medium"
)
