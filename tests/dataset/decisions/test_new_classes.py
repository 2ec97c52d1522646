"""A class that no label has yet needs a yes, in Python, in forms and in Review; misspellings are named."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest
from image_curation import act
from image_curation.core.base.params import ParamError
from image_curation.dataset.actions.decide import RELABEL_ACTION, RelabelParams
from image_curation.dataset.decisions.new_classes import classes_of
from image_curation.operators import forms


def test_relabel__a_new_class_needs_a_yes(dataset: Any) -> None:
    given = dataset.values("ground_truth")
    for typed, said in (
        ("greeen", "'greeen' is no class of 'ground_truth' yet: did you mean 'green'? Pass new_class=True"),
        ("Reds", "did you mean 'red'?"),
        ("violet", r"'violet' is no class of 'ground_truth' yet \(blue, green, red\). Pass new_class=True"),
    ):
        with pytest.raises(ParamError, match=said.replace("?", r"\?")):
            act(dataset.limit(1), "relabel", label=typed)
    assert not dataset.has_field("ground_truth_curated")
    act(dataset.limit(1), "relabel", label="violet", new_class=True)
    act(dataset.skip(1).limit(1), "relabel", label="violet")  # it is a class now
    dataset.default_classes = ["red", "green", "blue", "teal"]
    act(dataset.skip(2).limit(1), "relabel", label=" teal ")  # declared, though nothing has it
    assert dataset.values("ground_truth_curated.label")[:4] == ["violet", "violet", "teal", "red"]
    assert dataset.values("ground_truth") == given


def test_relabel__labels_of_a_field(dataset: Any) -> None:
    dataset.set_values("typed", ["blue", "gren", *[None] * 10])
    with pytest.raises(ParamError, match=r"'gren' is no class of 'ground_truth' yet: did you mean 'green'\?"):
        act(dataset, "relabel", from_field="typed")
    assert act(dataset, "relabel", from_field="typed", new_class=True)["count"] == 2


def test_relabel__the_first_labels_of_all(dataset: Any) -> None:
    dataset.add_sample_field("kind", fo.StringField)
    assert act(dataset.limit(2), "relabel", label_field="kind", label="a")["count"] == 2
    assert classes_of(dataset, "kind") == ["a"]


def test_relabel__the_form_lists_classes_and_names_what_may_be_meant(dataset: Any) -> None:
    import fiftyone.operators.types as types

    form = types.Object()
    forms.add_params(form, RelabelParams, dataset, {"label_field": "ground_truth"})
    label = form.properties["label"]
    assert [choice.value for choice in label.view.choices] == ["blue", "green", "red"]
    assert RELABEL_ACTION.warning is not None
    assert RELABEL_ACTION.warning(dataset, {"label": "red"}) is None
    said = RELABEL_ACTION.warning(dataset, {"label": "grean"})
    assert said is not None
    assert said.startswith("'grean' is a new class. Did you mean 'green'?")
    assert RELABEL_ACTION.warning(dataset, {"label": "grean", "new_class": True}) is None
