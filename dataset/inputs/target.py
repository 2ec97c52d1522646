"""What a run is about: whole images, or the objects in one label field. Told by its parameters and its target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import fiftyone as fo

from ...core.base.params import ParamError, Params, domains, roles
from ..fields.rows import field_of, object_fields, root_of, shown_field
from ..runs import record as runs

P = TypeVar("P", bound=Params)
WHOLE = frozenset({"detections", "detected", "label_sets", "annotations"})  # roles of what only whole images have


def settled(samples: fo.DatasetView, params: P) -> P:
    """The parameters, with the field of the objects where the target shows objects and nothing else is said."""
    names = [name for name, role in roles(type(params)).items() if role == "objects"]
    shown = shown_field(samples)
    if not names or shown is None or getattr(params, names[0]) or _told(samples._root_dataset, params):
        return params
    return replace(params, **{names[0]: shown})


def of(dataset: fo.Dataset, params: Params) -> str | None:
    """The field whose objects are the rows; None where samples are.

    Raises:
        ParamError: the parameters are about different things, or about objects that are not there.
    """
    told = _told(dataset, params)
    asked = [getattr(params, name) for name, role in roles(type(params)).items() if role == "objects"]
    if asked and asked[0]:
        root_of(dataset, asked[0])
        told["patches_field"] = asked[0]
    elif asked and not told:
        told = _told_by_labels(dataset, params)
    about = list(dict.fromkeys(told.values()))
    if len(about) > 1:
        said = " and ".join(f"{name} is about {_about(field)}" for name, field in told.items())
        raise ParamError(f"All inputs of a run must be about the same things, and {said}; name others")
    field = about[0] if about else None
    if field is not None:
        _refuse_boxes(params, field)
    return field


def instead_of_objects(params: type[Params]) -> str:
    """What a method without a parameter for objects does, as the predicate of a sentence."""
    read = set(roles(params).values())
    if read & WHOLE:
        return "judges whole images, by all that each of them holds"
    if read & {"embeddings", "predictions", "judged"}:
        return "works on the objects that its embeddings or predictions are about"
    return "does not work on objects"


def _told(dataset: fo.Dataset, params: Params) -> dict[str, str | None]:
    """Parameter → the field whose objects it is about, None for images: of those that name results."""
    known, told = domains(type(params)), {}
    for name, role in roles(type(params)).items():
        given = getattr(params, name)
        if role in ("embeddings", "predictions", "said", "judged") and given:
            for one in given if known[name].many else [given]:
                told[f"{name}={one!r}"] = of_name(dataset, one)
    return told


def _told_by_labels(dataset: fo.Dataset, params: Params) -> dict[str, str | None]:
    """A method that takes objects and reads labels of objects is about these."""
    named = [getattr(params, name) for name, role in roles(type(params)).items() if role in ("labels", "splits")]
    return {f"label_field={name!r}": name for name in named if name in object_fields(dataset)}


def of_name(dataset: fo.Dataset, name: str) -> str | None:
    """The field whose objects a run or a field of vectors or predictions is about; None for images."""
    if name in dataset.list_runs():
        return runs.get_run(dataset, name).patches_field
    return field_of(dataset, name)


def _refuse_boxes(params: Params, field: str) -> None:
    given: Any
    for name, role in roles(type(params)).items():
        given = getattr(params, name)
        if role in WHOLE and given:
            raise ParamError(
                f"{type(params).__name__}.{name} compares what whole images hold; got {given!r} together with "
                f"the objects of {field!r}: name embeddings or predictions of images"
            )


def _about(field: str | None) -> str:
    return "whole images" if field is None else f"the objects of {field!r}"
