#!/usr/bin/env bash
# voyager's index for inner products finds a quarter of the true neighbors where vectors differ in length, and twice as many when the same
# vectors are added longest first: each is fitted to the greatest length seen until then. hnswlib's finds five sixths with the same settings.
# Seen with voyager 2.2.3, 2,000 x 64, recall of 10: 0.26 in the given order and 0.55 longest first (0.61 and 0.99 with query_ef=200);
# hnswlib 0.8.0 0.84. For cosine it is 0.99 at once.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages voyager==2.2.3 numpy==2.4.6

python - <<'EOF'
import numpy as np
import voyager

random = np.random.default_rng(0)
directions = random.normal(size=(2000, 64)).astype("float32")
vectors = directions * random.uniform(0.5, 3, (2000, 1)).astype("float32")
queries = directions[:200]
truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]


def recall(order, query_ef):
    index = voyager.Index(voyager.Space.InnerProduct, num_dimensions=64)
    index.add_items(vectors[order], ids=order)
    found, _ = index.query(queries, k=10, query_ef=query_ef)
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth)]))


longest_first = np.argsort(-np.linalg.norm(vectors, axis=1))
figures = {ef: (round(recall(np.arange(2000), ef), 2), round(recall(longest_first, ef), 2)) for ef in (10, 200)}
for ef, (given, longest) in figures.items():
    print(f"query_ef {ef}: recall {given} in the given order, {longest} longest first")
assert figures[10][0] < 0.4 and figures[200][1] > 0.95
assert figures[200][1] - figures[200][0] > 0.25, "it has changed"
EOF
