#!/usr/bin/env bash
# An index changes the order of a view. A view that matches a number, or leaves out a tag, gives its samples in the order of the dataset; after
# `create_index` on that field, meant to make it quick, the same view gives them in the order of the values, and without a tag in an order of its
# own. `first()`, `limit()`, exports, clones, and whatever is drawn by position with a seed then take other samples, and nothing says so.
# Seen with fiftyone 1.22.1 and its MongoDB. Sort, or take ids, before positions matter.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
database

python - <<'EOF'
import fiftyone as fo
from fiftyone import ViewField as F

dataset = fo.Dataset()
dataset.add_samples([fo.Sample(filepath=f"/none/{row}.png", score=1 - row / 10, tags=tags) for row, tags in enumerate(
    [["z"], ["out"], [], ["b"], ["a"], ["z"], [], ["a", "z"]])])
matched, left = dataset.match(F("score") > 0.25), dataset.match_tags("out", bool=False)
place = {path: row for row, path in enumerate(dataset.values("filepath"))}


def order(view):
    return [place[path] for path in view.values("filepath")]


before = order(matched), order(left)
for field in ("score", "tags"):
    dataset.create_index(field)
after = order(matched), order(left)
print("a number above a bound: before", before[0], "after", after[0])
print("without a tag: before", before[1], "after", after[1])
assert before == ([0, 1, 2, 3, 4, 5, 6, 7], [0, 2, 3, 4, 5, 6, 7])
assert after[0] == [7, 6, 5, 4, 3, 2, 1, 0]
assert after[1] != before[1] and sorted(after[1]) == before[1]
print("the first of the view: sample", before[1][0], "without, sample", after[1][0], "with the index")
EOF
