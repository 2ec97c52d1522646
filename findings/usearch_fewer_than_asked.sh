#!/usr/bin/env bash
# usearch searched with several vectors for more neighbors than there are fills the table of keys with 0 and the distances with NaN. 0 is
# an ordinary key: read without .counts, every vector has the first picture as a neighbor. One vector alone gets a short answer instead.
# Seen with usearch 2.26.6: three vectors with keys 10, 11, 12; of five asked, the keys end with 0, 0. Values are held as bfloat16 by default.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages usearch==2.26.6 numpy==2.4.6

python - <<'EOF'
import numpy as np
from usearch.index import Index

vectors = np.random.default_rng(0).normal(size=(3, 64)).astype("float32")
index = Index(ndim=64)
index.add(np.arange(10, 13), vectors)
many, one = index.search(vectors, 5), index.search(vectors[0], 5)
print("several at once:", many.keys.tolist(), "counts", many.counts.tolist())
print("one alone:", one.keys.tolist(), "held as", index.dtype)
assert len(one.keys) == 3
assert (many.keys[:, 3:] == 0).all() and np.isnan(many.distances[:, 3:]).all(), "it has changed"
EOF
