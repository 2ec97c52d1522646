#!/usr/bin/env bash
# A column of vectors in which one is null: flatten() of a fixed-size list leaves the null's numbers out, so a reshape has one row less
# and every vector after it moves up by one picture; .values keeps a place for it in a fixed-size list, but not in an ordinary list, and
# gives the whole column for a slice. Seen with pyarrow 26.0.1. is_null() has to be asked first.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages pyarrow==26.0.1

python - <<'EOF'
import pyarrow

rows = [[1.0, 2.0], None, [3.0, 4.0]]
kinds = {"fixed-size": pyarrow.list_(pyarrow.float32(), 2), "ordinary": pyarrow.list_(pyarrow.float32())}
counts = {}
for name, kind in kinds.items():
    column = pyarrow.array(rows, kind)
    counts[name] = (len(column.flatten()), len(column.values), len(column.slice(2).values))
    print(f"{name} list of 3 rows of 2: flatten {counts[name][0]}, values {counts[name][1]}, values of the last row {counts[name][2]}")
assert counts == {"fixed-size": (4, 6, 6), "ordinary": (4, 4, 4)}, "it has changed"
EOF
