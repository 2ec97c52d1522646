"""Every method, in the order in which people use them. To add one: write its file, add it here."""

from __future__ import annotations

import difflib

from . import (
    classifier,
    confusions,
    detection_issues,
    duplicates,
    embeddings,
    explain,
    finetune,
    fusion,
    imagenet,
    importance,
    label_issues,
    leaks,
    maps,
    multilabel_issues,
    neighbors,
    next_batch,
    ordering,
    outliers,
    quality,
    report,
    representatives,
    selection,
    splits,
    spurious,
    zero_shot,
)
from .method import Method
from .params import ParamError, Params

METHODS: tuple[Method, ...] = (
    embeddings.METHOD,
    embeddings.IMPORT_METHOD,
    fusion.METHOD,
    maps.METHOD,
    neighbors.METHOD,
    representatives.METHOD,
    representatives.SWEEP_METHOD,
    zero_shot.METHOD,
    classifier.METHOD,
    finetune.METHOD,
    imagenet.METHOD,
    explain.METHOD,
    label_issues.METHOD,
    multilabel_issues.METHOD,
    detection_issues.METHOD,
    confusions.METHOD,
    quality.METHOD,
    spurious.METHOD,
    duplicates.METHOD,
    leaks.METHOD,
    outliers.METHOD,
    importance.METHOD,
    selection.METHOD,
    splits.METHOD,
    next_batch.METHOD,
    ordering.METHOD,
    report.METHOD,
)


def method_named(name: str | type[Params]) -> Method:
    """The method of that name, or the one that takes those parameters.

    Raises:
        ParamError: there is none.
    """
    for method in METHODS:
        if name in (method.name, method.params):
            return method
    names = [method.name for method in METHODS]
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the methods are {', '.join(names)}"
    raise ParamError(f"There is no method {name!r}; {hint}")
