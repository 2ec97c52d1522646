"""Parameters: domains that check, describe and refuse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from image_curation.core.base.params import ParamError, Params, domains, param, roles


@dataclass(frozen=True, kw_only=True)
class Example(Params):
    """An example."""

    embeddings: str = param("embeddings", "Vectors", reads="embeddings")
    k: int = param(20, "How many", at_least=1, at_most=99)
    share: float = param(0.5, "Share", above=0, at_most=1)
    metric: str = param("cosine", "Distance", among=("cosine", "euclidean"))
    names: tuple[str, ...] = param((), "Names")
    limit: int | None = param(None, "Limit", at_least=0)
    exact: bool = param(True, "Exact")
    key: str = param("a", "Key", identifier=True)
    shares: tuple[str, ...] = param((), "Shares", mapping="cat=2", above=0)
    sizes: tuple[str, ...] = param((), "Sizes", mapping="cat=20", words=("all",), whole=True, at_least=0)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"k": 0}, r"Example.k must be a whole number from 1 to 99; got 0"),
        ({"k": True}, "got True"),
        ({"k": 2.5}, "got 2.5"),
        ({"k": "3"}, "got '3'"),
        ({"k": None}, "got None"),
        ({"share": 0}, r"Example.share must be a number above 0 and at most 1; got 0"),
        ({"share": float("nan")}, "got nan"),
        ({"metric": "manhattan"}, "Example.metric must be one of cosine, euclidean; got 'manhattan'"),
        ({"names": "abc"}, "Example.names must be a list of texts; got 'abc'"),
        ({"limit": -1}, r"Example.limit must be a whole number of at least 0, or empty; got -1"),
        ({"exact": 1}, "Example.exact must be true or false; got 1"),
        ({"key": "2 b"}, "letters, digits and _, not starting with a digit"),
        (
            {"shares": ["cat"]},
            r"Example.shares must be entries such as cat=2, each a number above 0; got \['cat'\]",
        ),
        ({"shares": ["=2"]}, "got"),
        ({"shares": ["cat=0"]}, "got"),
        ({"shares": ["cat=inf"]}, "got"),
        ({"shares": ["cat=all"]}, "got"),
        ({"shares": ["cat=1", "cat = 2"]}, "got"),
        ({"shares": "cat=1"}, "got 'cat=1'"),
        ({"shares": {"cat": None}}, "got {'cat': None}"),
        ({"sizes": ["cat=2.5"]}, r"cat=20, each a whole number of at least 0 or all; got \['cat=2.5'\]"),
        ({"mertic": "cosine"}, "Example has no parameter 'mertic'; did you mean metric?"),
    ],
)
def test_params__refuses_in_one_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        Example.from_dict(given)


def test_params__takes_numpy_and_the_apps_numbers() -> None:
    made = Example(k=np.int64(3), share=1, names=["a", "b"], limit=4.0)  # type: ignore[arg-type]
    assert (made.k, made.share, made.names, made.limit) == (3, 1.0, ("a", "b"), 4)
    assert [type(value) for value in (made.k, made.share, made.limit)] == [int, float, int]


def test_params__mapping_takes_entries_or_a_mapping() -> None:
    """Names may hold =; the number comes after the last one. Records keep the entries."""
    made = Example(shares=["a=b = 2", "c=.5"], sizes={"cat": 3, "dog": "all"})  # type: ignore[arg-type]
    assert made.mapping("shares") == {"a=b": 2.0, "c": 0.5}
    assert made.mapping("sizes") == {"cat": 3, "dog": "all"}
    assert made.to_dict()["sizes"] == ["cat=3", "dog=all"]
    assert Example.from_dict(made.to_dict()) == made
    assert Example().mapping("shares") == {}


def test_params__round_trip() -> None:
    made = Example(k=5, names=("x",))
    assert Example.from_dict(made.to_dict()) == made


def test_params__required() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Needs(Params):
        """Needs a path."""

        path: str = param(help="File to read")

    with pytest.raises(ParamError, match="Needs.path is required: File to read"):
        Needs.from_dict({})


def test_roles__parameter_that_names_an_input() -> None:
    assert roles(Example) == {"embeddings": "embeddings"}


def test_bad_value__is_refused_by_its_own_domain() -> None:
    for name, domain in domains(Example).items():
        with pytest.raises(ParamError, match=f"Example.{name} must be"):
            Example(**{name: domain.bad_value()})
