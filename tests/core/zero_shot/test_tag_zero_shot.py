"""Zero-shot tags: real text vectors of the shipped tiny CLIP stand in for pictures, so that every answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.columns import Columns
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.embeddings.compute_embeddings import open_engine
from image_curation.core.embeddings.models.base import Request, TextEngine
from image_curation.core.embeddings.models.clip_text import encode_text
from image_curation.core.probes.metrics import expected_calibration_error
from image_curation.core.zero_shot.tag_zero_shot import (
    METHOD,
    TEMPLATES,
    ZeroShotParams,
    _unrelated,
    class_vectors,
    judged_one_by_one,
    retag,
    tag_zero_shot,
)
from image_curation.core.zero_shot.tagging import Rules, parse_thresholds, tag_columns

CLASSES = ("two", "seven", "nine")

pytestmark = pytest.mark.slow  # torch


@pytest.fixture(scope="module")
def engine() -> TextEngine:
    opened = open_engine(Request("tiny_clip", device="cpu", precision="fp32"))
    assert isinstance(opened, TextEngine)
    return opened


def inputs_of(engine: TextEngine, names: Sequence[str], labels: Sequence[str | None] | None = None) -> Inputs:
    """One row per name: the vector of its description, as if a picture fitted it perfectly."""
    return Inputs(
        n=len(names),
        embeddings=class_vectors(engine, names, TEMPLATES),
        labels=GivenLabels.of(labels) if labels is not None else None,
        sources={"embeddings": engine.describe()},
    )


def tag(inputs: Inputs, **params: Any) -> Columns:
    return tag_zero_shot(inputs, ZeroShotParams(embeddings="clip", **{"classes": CLASSES, **params}), silent)


def test_tag_zero_shot__follows_the_formula(engine: TextEngine) -> None:
    """softmax(cosines · scale) written out; the tag is its largest."""
    inputs = inputs_of(engine, ["seven", "two", "nine", "seven"])
    columns = tag(inputs)
    found = columns.values["tag"]
    assert [found.classes[code] for code in found.codes] == ["seven", "two", "nine", "seven"]
    logits = engine.logit_scale * inputs.vectors @ class_vectors(engine, CLASSES, TEMPLATES).T
    np.testing.assert_allclose(found.logits, logits, atol=1e-4)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(columns.values["confidence"], p.max(axis=1), atol=1e-5)
    second = np.sort(p, axis=1)[:, 1]
    np.testing.assert_allclose(columns.values["margin"], p.max(axis=1) - second, atol=1e-5)
    np.testing.assert_allclose(columns.values["entropy"], -(p * np.log(p)).sum(axis=1) / np.log(3), atol=1e-5)
    assert set(columns.values) <= {column.name for column in METHOD.writes}


def test_tag_zero_shot__scale_of_the_vectors_does_not_matter(engine: TextEngine) -> None:
    inputs = inputs_of(engine, ["seven", "two"])
    longer = Inputs(n=2, embeddings=inputs.vectors * 7, sources=inputs.sources)
    np.testing.assert_allclose(tag(inputs).values["confidence"], tag(longer).values["confidence"], atol=1e-5)


def test_tag_zero_shot__temperature(engine: TextEngine) -> None:
    """Very hot: all classes alike; very cold: certain. What the model learned is the default."""
    inputs = inputs_of(engine, ["seven"])
    hot, cold = tag(inputs, temperature=1e3), tag(inputs, temperature=1e-3)
    assert hot.values["confidence"][0] == pytest.approx(1 / 3, abs=1e-3)
    assert hot.values["entropy"][0] == pytest.approx(1, abs=1e-3)
    assert cold.values["confidence"][0] == pytest.approx(1)
    assert cold.values["entropy"][0] == pytest.approx(0, abs=1e-6)
    assert tag(inputs).facts["temperature"] == pytest.approx(1 / engine.logit_scale)


def test_tag_zero_shot__threshold_leaves_rows_without_a_tag(engine: TextEngine) -> None:
    both = inputs_of(engine, ["seven", "two"]).vectors
    between = Inputs(n=2, embeddings=np.stack([both[0], both.sum(axis=0)]), sources={"embeddings": engine.describe()})
    columns = tag(between, threshold=0.9)
    assert columns.values["tag"].codes.tolist() == [1, -1]
    assert columns.facts["tagged"] == 1
    assert columns.facts["headline"] == "1 of 2 images tagged with 3 classes"


def test_tag_zero_shot__top_k(engine: TextEngine) -> None:
    columns = tag(inputs_of(engine, ["seven", "two"]), top_k=2)
    assert columns.values["tags"].codes.sum(axis=1).tolist() == [2, 2]
    assert columns.values["tags"].codes[0, 1]
    assert "tags" not in tag(inputs_of(engine, ["seven"])).values
    assert tag(inputs_of(engine, ["seven"]), top_k=99).values["tags"].codes.all()


def test_tag_zero_shot__multi_label(engine: TextEngine) -> None:
    """A picture between two descriptions gets both tags, one of blank paper gets none."""
    names = class_vectors(engine, CLASSES, TEMPLATES)
    blank = engine.embed_text(["a blank page"])
    rows = np.concatenate([names[:1] + names[1:2], names[2:], blank])
    columns = tag(Inputs(n=3, embeddings=rows, sources={"embeddings": engine.describe()}), multi_label=True)
    assert columns.values["tags"].codes.tolist() == [[True, True, False], [False, False, True], [False, False, False]]
    assert "tag" not in columns.values
    assert columns.facts["tagged"] == 2
    capped = tag(Inputs(n=3, embeddings=rows, sources={"embeddings": engine.describe()}), multi_label=True, top_k=2)
    assert capped.values["tags"].codes.sum(axis=1).tolist() == [2, 1, 0]


def test_tag_zero_shot__one_class_alone_needs_multi_label(engine: TextEngine) -> None:
    rows = np.concatenate([class_vectors(engine, ["seven"], TEMPLATES), engine.embed_text(["a blank page"])])
    inputs = Inputs(n=2, embeddings=rows, sources={"embeddings": engine.describe()})
    with pytest.raises(ParamError, match=r"at least two classes to choose from, or multi_label .*; got \['seven'\]"):
        tag(inputs, classes=("seven",))
    columns = tag(inputs, classes=("seven",), multi_label=True)
    assert columns.values["tags"].codes.tolist() == [[True], [False]]


def test_tag_zero_shot__labels_meet_classes_by_name(engine: TextEngine) -> None:
    """Labels sorted by name (nine, seven, ten, two) and classes in our order share no index; 3 of 4 known are right."""
    inputs = inputs_of(
        engine, ["seven", "two", "nine", "seven", "two", "two"], ["seven", "two", "nine", "two", None, "ten"]
    )
    facts = tag(inputs).facts
    assert (facts["labelled"], facts["labels_not_in_classes"], facts["accuracy"]) == (4, 1, 0.75)
    assert facts["accuracy_per_class"] == {"two": 0.5, "seven": 1.0, "nine": 1.0}
    assert facts["calibrated_temperature"] > facts["temperature"]  # one of four is wrong, yet it was certain
    low, high = facts["accuracy_interval"]
    assert (low, high) == pytest.approx((0.301, 0.954), abs=1e-3)  # Wilson's interval of 3 in 4
    assert facts["chance"] == 5 / 16  # tags: two sevens, a two, a nine; labels: a seven, two twos, a nine
    assert facts["headline"] == (
        "6 of 6 images tagged with 3 classes, 75.0% as labelled (30.1% to 95.4%; 31.2% would agree by chance), "
        "which could be chance: look before you use them"
    )


def test_tag_zero_shot__classes_from_the_labels(engine: TextEngine) -> None:
    inputs = inputs_of(engine, ["seven", "two"], ["seven", "two"])
    assert tag(inputs, classes=()).facts["classes"] == ["seven", "two"]
    unlabelled = inputs_of(engine, ["seven", "two"], [None, None])
    with pytest.raises(ParamError, match="must name at least one class, or label_field"):
        tag(unlabelled, classes=())
    assert tag(unlabelled).facts["labelled"] == 0


def test_tag_zero_shot__refuses_vectors_that_are_not_of_this_model(engine: TextEngine) -> None:
    inputs = inputs_of(engine, ["seven"])
    facts = engine.describe()

    def source(**changed: object) -> Inputs:
        return Inputs(n=1, embeddings=inputs.vectors, sources={"embeddings": {**facts, **changed}})

    with pytest.raises(ParamError, match="got vectors of descriptor, which has no text encoder"):
        tag(source(model="descriptor", text=False))
    with pytest.raises(ParamError, match="got vectors of an unknown model"):
        tag(Inputs(n=1, embeddings=inputs.vectors, sources={"embeddings": {"key": "field"}}))
    with pytest.raises(ParamError, match=r"other weights \(sha256 000000000000\) than tiny_clip has now"):
        tag(source(weights_hash="0" * 64))
    with pytest.raises(ParamError, match="must have the 64 dimensions of tiny_clip; got 5"):
        tag(Inputs(n=1, embeddings=np.ones((1, 5), dtype=np.float32), sources={"embeddings": facts}))
    with pytest.raises(ParamError, match=r"no longer at /gone\.pt; put them back\. The weights of open_clip:ViT-B-32"):
        tag(source(model="open_clip:ViT-B-32/commonpool_s_s13m_b4k", weights="/gone.pt"))
    moved = tag(source(weights="/elsewhere/models/tiny_clip"))  # ours is found wherever the plugin lies now
    assert moved.facts["model"] == "tiny_clip"


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"templates": ("a photo",)}, r"templates must each contain \{\} where the class name goes; got 'a photo'"),
        ({"templates": ()}, r"templates must each contain \{\}"),
        ({"classes": ("cat", " cat")}, "classes must be different names, none empty; got .cat. twice"),
        ({"classes": ("cat", "")}, "none empty"),
        ({"multi_label": True, "background": ()}, "background must hold at least one description"),
        ({"temperature": 0}, r"temperature must be a number above 0"),
        ({"threshold": 1.5}, r"threshold must be a number from 0 to 1"),
    ],
)
def test_params__refused(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence):
        ZeroShotParams(embeddings="clip", **params)


def test_class_vectors__braces_and_odd_names(engine: TextEngine) -> None:
    """Names may hold anything; only the template's {} is replaced."""
    vectors = class_vectors(engine, ["{0}", "a}b{", "ü" * 300], ["a {} {x}"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_tag_zero_shot__a_class_may_have_its_own_threshold(engine: TextEngine) -> None:
    """A picture between seven and nine is a seven at 0.49 or less; where no tag is given, the logits stay."""
    rows = inputs_of(engine, ["seven", "nine", "two"]).vectors
    inputs = Inputs(n=2, embeddings=np.stack([rows[0] + rows[1], rows[2]]), sources={"embeddings": engine.describe()})
    sure = tag(inputs).values["confidence"][0]
    assert tag(inputs, threshold=0.9, thresholds=f"seven = 0.1, nine={sure / 2:.4f}").values["tag"].codes.min() >= 0
    abstained = tag(inputs, thresholds="seven=1, nine=1")
    assert abstained.values["tag"].codes.tolist() == [-1, 0]
    assert abstained.facts["tags_per_class"] == {"two": 1, "seven": 0, "nine": 0}
    np.testing.assert_array_equal(abstained.values["logits"], tag(inputs).values["tag"].logits)
    assert "logits" not in tag(inputs).values
    with pytest.raises(ParamError, match="thresholds must name classes of this run; got 'sevn', did you mean 'seven'"):
        tag(inputs, thresholds="sevn=0.5")


def test_tag_zero_shot__classes_from_a_file(engine: TextEngine, tmp_path: Path) -> None:
    """Windows line ends, a byte order mark, empty lines and spaces around names are forgiven; doubles are not."""
    file = tmp_path / "classes.txt"
    file.write_bytes("\ufefftwo\r\n\r\n  seven \r\nnine".encode())
    inputs = inputs_of(engine, ["seven"])
    assert tag(inputs, classes=(), classes_file=str(file)).facts["classes"] == list(CLASSES)
    file.write_text("two\ntwo\n")
    with pytest.raises(ParamError, match="classes_file must be different names, none empty; got 'two' twice"):
        tag(inputs, classes=(), classes_file=str(file))
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ParamError, match="it is not text in UTF-8"):
        tag(inputs, classes=(), classes_file=str(file))
    with pytest.raises(ParamError, match="No such file"):
        tag(inputs, classes=(), classes_file=str(tmp_path / "none.txt"))


@pytest.mark.parametrize("multi_label", [False, True])
def test_retag__is_what_tagging_anew_gives(engine: TextEngine, multi_label: bool) -> None:
    inputs = inputs_of(engine, ["seven", "two", "nine", "one", "a blank page"], ["seven", "two", "two", None, None])
    first = tag(inputs, multi_label=multi_label)
    logits = first.values["tags" if multi_label else "tag"].logits
    rules = Rules(multi_label, 0.6, {"seven": 0.3}, 2)
    again = retag(CLASSES, logits, first.facts["temperature"], 0.05, rules, inputs.labels)
    anew = tag(inputs, multi_label=multi_label, threshold=0.6, thresholds="seven=0.3", top_k=2, temperature=0.05)
    for name, fact in again.facts.items():
        assert anew.facts[name] == (pytest.approx(fact) if isinstance(fact, float) else fact), name
    assert set(again.values) == set(anew.values)
    for name in ("confidence", "margin", "entropy"):
        np.testing.assert_allclose(again.values[name], anew.values[name], atol=1e-5)
    for name in {"tag", "tags"} & set(anew.values):
        np.testing.assert_array_equal(again.values[name].codes, anew.values[name].codes)


def test_tag_columns__blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    rules = Rules(True, 0.5, {"c": 0.9}, 3)
    whole, facts = tag_columns("abcdefg", logits, rules)
    monkeypatch.setattr("image_curation.core.zero_shot.tagging.BLOCK", 21)
    parts, same = tag_columns("abcdefg", logits, rules)
    assert facts == same
    np.testing.assert_array_equal(whole["tags"].codes, parts["tags"].codes)
    np.testing.assert_array_equal(whole["entropy"], parts["entropy"])
    p = 1 / (1 + np.exp(-logits))
    expected = (p >= [0.5, 0.5, 0.9, 0.5, 0.5, 0.5, 0.5]) & (p >= np.sort(p, axis=1)[:, -3:-2])
    np.testing.assert_array_equal(whole["tags"].codes, expected)
    assert facts["tagged"] == expected.any(axis=1).sum()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("cat=0.4, dog=.6", {"cat": 0.4, "dog": 0.6}),
        ("salt, pepper = 1,a=b=0", {"salt, pepper": 1.0, "a=b": 0.0}),
    ],
)
def test_parse_thresholds__names_may_hold_commas(text: str | None, expected: dict[str, float]) -> None:
    assert parse_thresholds(text, "P.thresholds") == expected


@pytest.mark.parametrize("text", ["cat", "cat=", "cat=0.4 dog", "cat=1.5", "=0.5", "cat=-1", "cat=nan"])
def test_parse_thresholds__refuses(text: str) -> None:
    with pytest.raises(ParamError, match="must read like cat=0.4, dog=0.6"):
        parse_thresholds(text, "P.thresholds")


def test_encode_text__padding_changes_nothing(engine: TextEngine) -> None:
    """Short texts and one that fills the whole context, alone and together, as open_clip encodes them."""
    import torch

    network: Any = engine._both  # type: ignore[attr-defined]
    context = network.positional_embedding.shape[0]
    texts = ["a", "seven", "a photo of the seven", "x" * (context - 2)]
    tokens = engine.tokenizer()(texts)  # type: ignore[attr-defined]
    with torch.inference_mode():
        whole = network.encode_text(tokens).numpy()
        for rows in ([0, 1, 2], [3], [0, 1, 2, 3]):
            np.testing.assert_allclose(encode_text(network, tokens[rows]).numpy(), whole[rows], atol=1e-4)
    assert network.positional_embedding.shape[0] == context


def test_judged_one_by_one__by_hand() -> None:
    """Floor 0, best 8: the bar is 4. Floor 10 above the best 8: the bar is 10."""
    logits = np.array([[8.0, 6.0, -14.0]])
    assert judged_one_by_one(logits, np.array([[-1.0]])).tolist() == [[4.0, 2.0, -18.0]]
    assert judged_one_by_one(logits, np.array([[10.0]])).tolist() == [[-2.0, -4.0, -24.0]]
    assert judged_one_by_one(np.array([[4.0]]), np.array([[2.0]])).tolist() == [[1.0]]


def test_expected_calibration_error__by_hand() -> None:
    """Two at 0.9, one right: |0.5 - 0.9| · 2/4; two at 0.6, both right: |1 - 0.6| · 2/4. Together 0.4."""
    error = expected_calibration_error(np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, False, True, True]))
    assert error == pytest.approx(0.4)
    assert expected_calibration_error(np.array([1.0]), np.array([True])) == 0


def test_tag_zero_shot__long_names_that_are_one_to_the_encoder_are_refused(engine: TextEngine) -> None:
    """Names that differ only after the last token that is read; apart, they are counted and said."""
    inputs = inputs_of(engine, ["seven", "two"])
    long = "seven " * 90
    with pytest.raises(ParamError, match=r"got 'seven seven .*\.\.\..*one' and .*, and they differ only after its end"):
        tag(inputs, classes=(f"{long}one", f"{long}two"))
    with pytest.raises(ParamError, match="got 'Seven' and 'seven', and it makes the same of both"):
        tag(inputs, classes=("Seven", "seven"))
    found = tag(inputs, classes=(f"{long}one", "two"))
    assert found.facts["cut_short"] == 1
    assert "1 class names are longer than the text encoder reads, such as 'seven seven" in found.facts["headline"]


def test_tag_zero_shot__says_what_the_tiny_model_cannot_know(engine: TextEngine) -> None:
    headline = tag(inputs_of(engine, ["seven"]), classes=("ant", "bee")).facts["headline"]
    assert headline.endswith("tiny_clip knows handwritten digits and nothing else, so these tags say nothing")


def test_tag_columns__a_row_nearer_to_what_is_unrelated_gets_no_tag() -> None:
    """The same logits, read as relative to the best unrelated description or not."""
    logits = np.array([[2.0, -1.0], [-0.5, -3.0]], dtype=np.float32)
    values, facts = tag_columns("ab", logits, Rules(relative=True))
    assert values["tag"].codes.tolist() == [0, -1]
    assert facts["tagged"] == 1
    assert tag_columns("ab", logits, Rules())[0]["tag"].codes.tolist() == [0, 0]
    assert tag_columns("ab", logits, Rules(relative=True, top_k=2))[0]["tags"].codes.tolist() == [
        [True, True],
        [False, False],
    ]


def test_unrelated__leaves_out_what_means_the_same_as_a_class(engine: TextEngine) -> None:
    texts = class_vectors(engine, ["seven"], ("{}",))
    assert len(_unrelated(engine, ["seven", "two"], texts)) == 1
