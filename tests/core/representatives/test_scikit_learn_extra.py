"""scikit-learn-extra as an engine: its medoids where it is installed; elsewhere a sentence with how to install it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.representatives.find_representatives import RepresentativesParams, find_representatives

LINE = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [13.0]], dtype=np.float32)


def found(engine: str, k: int = 2):
    params = RepresentativesParams(embeddings="e", k=k, metric="euclidean", engine=engine)
    return find_representatives(Inputs(n=len(LINE), embeddings=LINE), params, silent)


@pytest.mark.parametrize("engine", ["kmedoids", "clara"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_engine__the_medoids_of_two_groups_on_a_line(engine: str) -> None:
    """1 is the middle of the left group; 11 and 12 are as good a middle of the right one: the loss is 2 + 4."""
    pytest.importorskip("sklearn_extra", exc_type=ImportError)
    columns = found(engine)
    medoids = np.flatnonzero(columns.values["is_medoid"]).tolist()
    assert medoids in ([1, 4], [1, 5])
    assert columns.facts["loss"] == pytest.approx(6)
    assert columns.values["cluster"].tolist() == [1, 1, 1, 0, 0, 0, 0]


def test_engine__not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn_extra", None)
    with pytest.raises(ParamError, match=r"engine clara needs scikit-learn-extra, which is not installed: pip install"):
        found("clara")
