"""Every method keeps the contract: one loop over the catalog, so that a new method is tested by being listed."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from image_curation.core.base import columns as kinds
from image_curation.core.base.columns import Role
from image_curation.core.base.method import SEVERITIES, STAGES, Method
from image_curation.core.base.params import REQUIRED, ROLES, ParamError, domains, roles
from image_curation.core.catalog import METHODS, method_named

TYPES = (
    bool,
    int,
    float,
    str,
    list[float],
    list[str],
    kinds.Vector,
    kinds.Point,
    kinds.Neighbors,
    kinds.Label,
    kinds.Labels,
    kinds.Heatmap,
)

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@every_method
def test_method__is_declared_in_full(method: Method) -> None:
    assert method.name.isidentifier()
    assert method.key.isidentifier()
    assert method.stage in STAGES
    assert method.help.endswith(".")
    declared = roles(method.params)
    assert set(declared.values()) <= set(ROLES)
    assert {*declared.values(), "paths"} >= set(method.reads)
    assert {role for name, role in declared.items() if domains(method.params)[name].default} <= set(method.reads)
    assert sum(role in ("labels", "splits") for role in declared.values()) <= 1
    assert sum(role == "embeddings" and not domains(method.params)[name].many for name, role in declared.items()) <= 1
    for name, domain in domains(method.params).items():
        assert name not in ("key", "overwrite", "progress"), "these are `curate`'s own"
        assert domain.help, name
        assert not domain.help.endswith("."), name


@every_method
def test_method__columns_say_what_they_mean(method: Method) -> None:
    names = [column.name for column in method.writes]
    assert len(set(names)) == len(names)
    for column in method.writes:
        assert column.type in TYPES
        assert column.name == "" or column.name.isidentifier()
        assert len(column.description) > 10
        assert column.best is None or column.type in (float, int)
        assert column.role is None or column.role in get_args(Role)
    if method.finding is not None:
        assert method.marking is not None, "a finding is about the rows that a column marks"
        assert method.finding.severity in SEVERITIES
        assert method.finding.sentence.endswith(".")


@every_method
def test_method__refuses_a_bad_value_of_every_parameter(method: Method) -> None:
    required: dict[str, Any] = {
        name: ("x", "y") if domain.many else 1 if domain.type is int else "x"
        for name, domain in domains(method.params).items()
        if domain.default is REQUIRED
    }
    for name, domain in domains(method.params).items():
        with pytest.raises(ParamError, match=rf"\.{name} must be .*; got"):
            method.params(**{**required, name: domain.bad_value()})


def test_method_named__near_miss() -> None:
    with pytest.raises(ParamError, match="There is no method 'find_nighbors'; did you mean find_neighbors"):
        method_named("find_nighbors")


def test_names__are_unique() -> None:
    assert len({method.name for method in METHODS}) == len(METHODS)
