"""Conditions on values that come from labels or from a browser: they are compared as they are.

FiftyOne builds aggregation expressions, in which a text that begins with "$" is the name of a field: `F("label") ==
"$5"` compares the label with the field `5`, and finds nothing, or the wrong samples.
"""

from __future__ import annotations

from typing import Any

import fiftyone as fo
from bson import ObjectId
from fiftyone import ViewField as F

from ...core.base.params import ParamError

SCALARS = (str, bool, int, float, ObjectId)


def equals(path: str, value: Any) -> Any:
    """The field holds this value.

    Raises:
        ParamError: the value is no text, number, true or false.
    """
    return F(path) == _literal(path, value)


def holds(path: str, value: Any) -> Any:
    """The field is a list that holds this value.

    Raises:
        ParamError: the value is no text, number, true or false.
    """
    values = F(path)
    return (values != None).if_else(fo.ViewExpression({"$in": [_literal(path, value), values]}), False)  # noqa: E711 - an expression


def _literal(path: str, value: Any) -> Any:
    if not isinstance(value, SCALARS):
        raise ParamError(f"A value of {path!r} must be text, a number, true or false; got {value!r}")
    return F.literal(value)
