"""Subsets by purpose: what they cover, who may come in, the order, and refusals in one sentence."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from image_curation.core.base.arrays import silent
from image_curation.core.base.inputs import GivenLabels, Inputs
from image_curation.core.base.params import ParamError
from image_curation.core.selection.candidates import seconds, undecided
from image_curation.core.selection.coverage import against_random, curve, evenness, ground, measure, touched_by_size
from image_curation.core.selection.purposes import PURPOSES, bonus, percentiles, turns_of_classes
from image_curation.core.selection.select_subset import select_subset
from image_curation.core.selection.subset_params import SubsetParams


def planted(n=600, seed=0):
    """Three large clusters of classes a, b, c and ten groups of three far from them, of class d."""
    rng = np.random.default_rng(seed)
    large = rng.normal(size=(3, 16))[rng.choice(3, size=n, p=[0.6, 0.3, 0.1])]
    codes = np.unique(large[:, 0], return_inverse=True)[1]
    rare = np.repeat(rng.normal(size=(10, 16)), 3, axis=0)
    x = np.concatenate([large, rare]) + 0.15 * rng.normal(size=(n + 30, 16))
    groups = np.concatenate([codes, 3 + np.repeat(np.arange(10), 3)])
    return x.astype(np.float32), [*("abc"[code] for code in codes), *["d"] * 30], groups


def run(x, labels=None, named=None, **params):
    given = None if labels is None else GivenLabels.of(labels)
    inputs = Inputs(n=len(x), ids=[f"{i}" for i in range(len(x))], embeddings=x, labels=given, named=named or {})
    if labels is not None:
        params["label_field"] = "ground_truth"
    return select_subset(inputs, SubsetParams(embeddings="e", **params), silent)


def order(found):
    rank = found.values["rank"]
    rows = [row for row, place in enumerate(rank) if place is not None]
    assert found.values["selected"].nonzero()[0].tolist() == rows
    assert sorted(rank[row] for row in rows) == list(range(1, len(rows) + 1))
    return sorted(rows, key=lambda row: rank[row])


def test_select_subset__cover_everything_finds_rare_groups_and_lies_nearer():
    x, _, groups = planted()
    found = run(x, purpose="cover_everything", n=32)
    assert len(set(groups[order(found)].tolist())) >= 12  # all ten rare groups and most of the clusters
    distance = found.facts["mean_distance"]
    assert distance["value"] < 0.965 * distance["random_mean"]


@pytest.mark.slow
@pytest.mark.parametrize("purpose", PURPOSES)
def test_select_subset__every_purpose_ranks_and_explains(purpose):
    x, labels, _ = planted(300)
    found = run(x, labels, purpose=purpose, n=40)
    rows = order(found)
    assert len(rows) == 40
    why = found.values["why"]
    assert all(why[row] and "\n" not in why[row] for row in rows)
    assert sum(sentence is not None for sentence in why) == 40
    assert order(run(x, labels, purpose=purpose, n=12)) == rows[:12], "a prefix is the smaller selection"
    assert ("ladder" in found.values) == (purpose == "edge_cases")


def test_select_subset__balance_of_every_prefix():
    x, labels, _ = planted()
    rows = order(run(x, labels, purpose="balanced_training_set", n=60))
    for length in (4, 20, 60):
        counts = np.unique([labels[row] for row in rows[:length]], return_counts=True)[1]
        assert counts.tolist() == [length // 4] * 4
    given = run(x, labels, purpose="label_first", balance="given", class_shares=["a=2", "d=1"], n=30)
    assert given.facts["classes"] == {"a": 20, "b": 0, "c": 0, "d": 10}
    shares = run(x, labels, purpose="hold_out_test_set", n=63).facts["classes"]
    for name, count in shares.items():
        assert count == pytest.approx(63 * labels.count(name) / len(labels), abs=1)


def test_select_subset__a_small_class_runs_out_and_the_others_fill():
    x, labels, _ = planted(100)
    assert run(x, labels, purpose="balanced_training_set", n=120, unique=False).facts["found"] == 120


def test_select_subset__already_selected_covers_and_is_not_chosen_again():
    x, _, groups = planted()
    before = groups == 0
    found = run(x, named={"already_selected": (before,)}, already_selected=["tag"], purpose="label_first", n=8)
    rows = order(found)
    assert not before[rows].any()
    assert found.facts["already_selected"] == before.sum()
    assert found.values["why"][int(np.flatnonzero(before)[0])].startswith("Chosen before")
    assert (groups[rows] == 0).sum() < (groups[order(run(x, purpose="label_first", n=8))] == 0).sum() + 1


@pytest.mark.slow
@pytest.mark.parametrize("purpose", ["label_first", "cover_everything", "remove_redundancy"])
def test_select_subset__the_first_half_is_nearer_than_random_halves(purpose):
    x, _, _ = planted()
    rows = np.array(order(run(x, purpose=purpose, n=40)))
    found = against_random(ground(x), rows[:20], np.arange(len(x)), seeds=20)["mean_distance"]
    halves = against_random(ground(x), np.sort(np.random.default_rng(0).permutation(rows)[:20]), rows, seeds=20)
    assert found["value"] < 0.965 * found["random_mean"]
    assert found["value"] < halves["mean_distance"]["random_mean"], "nearer than half of the same subset at random"


def test_select_subset__what_was_chosen_covers():
    x, _, groups = planted()
    rare = np.flatnonzero(groups == 7)  # three samples far from all others; one is chosen already
    before = np.zeros(len(x), bool)
    before[rare[0]] = True
    asked = {"purpose": "cover_everything", "n": 32}
    assert set(rare) & set(order(run(x, **asked))), "the group would be reached"
    again = order(run(x, named={"already_selected": (before,)}, already_selected=["tag"], **asked))
    assert not set(rare) & set(again), "it is covered"


@pytest.mark.slow
def test_select_subset__the_same_in_another_process(tmp_path):
    x, labels, _ = planted(200)
    np.save(tmp_path / "x.npy", x)
    program = (
        "import sys, numpy as np; sys.path.insert(0, sys.argv[1])\n"
        "from checkout import load_package; load_package()\n"
        "from image_curation.core.base.arrays import silent\n"
        "from image_curation.core.base.inputs import GivenLabels, Inputs\n"
        "from image_curation.core.selection.select_subset import select_subset\n"
        "from image_curation.core.selection.subset_params import SubsetParams\n"
        "x = np.load(sys.argv[2]); labels = GivenLabels.of(sys.argv[3].split(','))\n"
        "inputs = Inputs(n=len(x), embeddings=x, labels=labels)\n"
        "params = SubsetParams(embeddings='e', purpose='balanced_training_set', label_field='l', n=30)\n"
        "print(select_subset(inputs, params, silent).values['rank'])\n"
    )
    scripts = Path(__file__).resolve().parents[3] / "scripts"
    command = [sys.executable, "-c", program, str(scripts), str(tmp_path / "x.npy"), ",".join(labels)]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert there == str(run(x, labels, purpose="balanced_training_set", n=30).values["rank"])


def test_select_subset__where_and_exclude_restrict():
    x, _, groups = planted()
    inside, bad = groups < 2, np.arange(len(x)) % 2 == 0
    found = run(x, named={"where": (inside,), "exclude": (bad, groups == 1)}, where=["w"], exclude=["e", "f"], n=20)
    rows = np.array(order(found))
    assert np.all(inside[rows] & ~bad[rows] & (groups[rows] != 1))


def test_select_subset__like_and_unlike():
    x, _, groups = planted()
    marked = np.zeros(len(x), bool)
    marked[np.flatnonzero(groups == 5)[0]] = True
    near = order(run(x, named={"like": (marked,)}, like=["t"], n=10))
    far = order(run(x, named={"unlike": (marked,)}, unlike=["t"], n=10))
    vector = x[marked][0]
    assert (x[near] @ vector).mean() > (x[far] @ vector).mean()


def test_select_subset__groups_and_times():
    x, _, _ = planted(200)
    video = [f"v{i % 5}" for i in range(len(x))]
    start = datetime.datetime(2024, 1, 1)
    times = [start + datetime.timedelta(seconds=i) for i in range(len(x))]
    found = run(
        x,
        named={"group_field": video, "time_field": times},
        group_field="video",
        most_per_group=3,
        time_field="time",
        time_gap=30.0,
        n=40,
    )
    rows = order(found)
    for name in set(video):
        own = sorted(row for row in rows if video[row] == name)
        assert len(own) <= 3
        assert np.all(np.diff(own) >= 30)
    assert found.facts["found"] == len(rows) <= 15
    assert "constraints allow no more" in found.facts["headline"]
    assert seconds(datetime.date(1970, 1, 2)) - seconds(datetime.date(1970, 1, 1)) == 86_400


def test_select_subset__near_duplicates_come_once():
    x, _, _ = planted(200)
    x = np.concatenate([x, x])
    rows = order(run(x, n=60))
    assert len({row % 230 for row in rows}) == 60


def test_select_subset__importance_field_draws():
    x, _, _ = planted(200)
    importance = [float(i) if i % 7 else None for i in range(len(x))]
    named = {"importance_field": importance}
    high = order(run(x, named=named, importance_field="s", importance=5.0, n=20))
    low = order(run(x, named=named, importance_field="s", importance=-5.0, n=20))
    assert np.mean(high) > np.mean(low) + 40


@pytest.mark.slow
def test_select_subset__edge_cases_come_as_nested_slices():
    x, labels, _ = planted(600)
    found = run(x, labels, purpose="edge_cases", n=40)
    ladder = found.values["ladder"]
    rows = order(found)
    assert [ladder[row] for row in rows] == sorted(ladder[row] for row in rows), "nested along the rank"
    assert found.facts["ladder"]["slices"] == [2, 5, 10, 20, 40]
    curve_of = found.facts["ladder"]["accuracy"]
    assert curve_of[0]["share"] == 0
    assert all(0 <= step["accuracy"] <= 1 for step in curve_of)
    assert len({step["n"] for step in curve_of}) == 1
    assert found.facts["accuracy_by_share_of_edge_cases"].startswith(f"0%: {curve_of[0]['accuracy']:.1%} overall")
    assert run(x, purpose="edge_cases", n=10).facts["ladder"]["accuracy"] == []


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"n": 0}, r"SubsetParams\.n must be a whole number of at least 1, or empty; got 0"),
        ({"n": 999}, r"n must be at most the number of samples that may be chosen \(130\); got 999"),
        ({"fraction": 0.0}, r"fraction must be a number above 0 and at most 1; got 0\.0"),
        ({"purpose": "balanced_training_set"}, "label_field is needed by purpose 'balanced_training_set'"),
        ({"balance": "uniform"}, "balance 'uniform' needs label_field"),
        ({"balance": "given"}, "class_shares and balance 'given' belong together"),
        ({"class_shares": ["a=1"]}, "class_shares and balance 'given' belong together"),
        ({"most_per_group": 2}, "group_field is needed by most_per_group"),
        ({"coverage": 0.0}, "coverage and extremes must not both be 0"),
        ({"importance": 1.0}, "importance needs importance_field or label_field"),
    ],
)
def test_select_subset__bad_parameters(params, sentence):
    x, _, _ = planted(100)
    with pytest.raises(ParamError, match=sentence):
        run(x, **params)


def test_select_subset__all_excluded_or_nothing_marked():
    x, labels, _ = planted(100)
    everyone = np.ones(len(x), bool)
    with pytest.raises(ParamError, match="leave none of the 130 samples to choose from; widen them"):
        run(x, named={"exclude": (everyone,)}, exclude=["all"], n=5)
    nobody = [None] * len(labels)
    with pytest.raises(ParamError, match="or none with a label"):
        run(x, nobody, purpose="balanced_training_set", n=5)
    with pytest.raises(ParamError, match=r"like must hold at least one sample; \['t'\] has none"):
        run(x, named={"like": (~everyone,)}, like=["t"], n=5)
    with pytest.raises(ParamError, match="class_shares names the class 'x'"):
        run(x, labels, balance="given", class_shares=["x=1"], n=5)


def test_select_subset__odd_sets():
    one = np.ones((1, 3), np.float32)
    assert order(run(one, ["a"])) == [0]
    same = np.ones((30, 3), np.float32)
    assert len(order(run(same, n=4, unique=False))) == 4
    assert len(order(run(same, n=4))) == 1, "all are near-duplicates of one another"
    x, labels, _ = planted(60)
    labels[0] = "alone"  # a class of one sample
    assert run(x, labels, purpose="balanced_training_set", n=20).facts["classes"]["alone"] == 1
    assert len(order(run(x, ["a"] * len(x), purpose="edge_cases", n=10))) == 10
    assert len(order(run(x, ["a"] * len(x), purpose="balanced_training_set", n=10))) == 10


def test_undecided__between_two_classes():
    # Two classes a quarter turn apart and one row half way: its margin is the smallest.
    angle = np.concatenate([np.linspace(0, 0.3, 15), np.linspace(1.27, 1.57, 15), [0.785]])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    assert undecided(x, np.array([4] * 15 + [9] * 15 + [4])).argmax() == 30
    assert np.isnan(undecided(x, np.zeros(31, np.int64))).all()


def test_percentiles__ties_share_their_place():
    assert percentiles(np.array([1.0, 2.0, 2.0, np.nan, 5.0])).tolist() == [0.0, 0.5, 0.5, 0.5, 1.0]
    assert bonus({"a": (1.0, np.array([0.0, 1.0]))}, 2).tolist() == pytest.approx([1.0, np.e])


def test_turns_of_classes__webster():
    # Shares 3 : 1. Claims 6, 2 → a; 2, 2 → a; 1.2, 2 → b; 1.2, 0.67 → a; and a is at the end of its rows.
    turns = turns_of_classes(np.array([3.0, 1.0]), np.array([0, 0]), np.array([3, 9]), 6)
    assert turns.tolist() == [0, 0, 1, 0, 1, 1]
    assert len(turns_of_classes(np.array([1.0, 0.0]), np.zeros(2), np.array([2, 9]), 6)) == 2


def test_measure__by_hand():
    # Four directions a quarter turn apart, two rows each; rows 0 and 2 are chosen.
    x = np.repeat(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], np.float32), 2, axis=0)
    on = ground(
        x,
        cluster=np.repeat(np.arange(4), 2),
        codes=np.repeat([0, 0, 1, 1], 2),
        duplicate_group=np.repeat(np.arange(4), 2),
    )
    found = measure(on, np.array([0, 2]))
    assert found["clusters"] == 0.5
    assert found["mean_distance"] == pytest.approx((0 * 4 + 1 * 4) / 8)  # the other two lie at a right angle
    assert found["largest_distance"] == pytest.approx(1)
    assert found["duplicates"] == 0
    assert measure(on, np.array([0, 1]))["duplicates"] == 1
    assert evenness(on.codes, np.array([0, 4])) == pytest.approx(1)
    assert evenness(on.codes, np.array([0, 1])) == 0
    assert sum(third["clusters"] for third in touched_by_size(on, np.array([0]))) == 4


def test_against_random__of_the_same_size_and_on_the_same_held_out_rows():
    x, labels, groups = planted(300)
    on = ground(x, codes=GivenLabels.of(labels).codes, cluster=groups, importance=np.ones(len(x)))
    rows = np.flatnonzero(groups > 2)
    found = against_random(on, rows, np.arange(len(x)), seeds=5)
    assert len(found["accuracy"]["random"]) == 5
    assert found["importance"]["value"] == pytest.approx(found["importance"]["random_mean"])
    assert found["rare_clusters"]["value"] == 1
    assert on.held_out.sum() == round(0.25 * len(x))
    steps = curve(on, rows, np.arange(len(x)), [5, 30], seeds=2)
    assert [step["n"] for step in steps] == [5, 30]
    assert steps[0]["subset"]["clusters"] <= steps[1]["subset"]["clusters"]
