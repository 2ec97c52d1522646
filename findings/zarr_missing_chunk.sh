#!/usr/bin/env bash
# A Zarr store that was copied in part reads without an error: a chunk whose file is not there is filled with the fill value, 0. Vectors
# lost on the way become zero rows, all of them copies of one another. Seen with zarr 3.1.6: two of ten rows are zeros, nothing is said;
# the number of stored chunks (nchunks_initialized) tells.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages zarr==3.1.6 numpy==2.4.6

python - <<'EOF'
from pathlib import Path

import numpy as np
import zarr

store = zarr.create_array("vectors.zarr", shape=(10, 4), chunks=(2, 4), dtype="float32")
store[:] = 1
Path("vectors.zarr/c/2/0").unlink()
back = zarr.open_array("vectors.zarr", mode="r")
zeros = np.flatnonzero(~back[:].any(axis=1)).tolist()
print("rows of zeros:", zeros)
print("chunks:", back.nchunks, "stored:", back.nchunks_initialized)
assert back.nchunks == 5 and back.nchunks_initialized == 4
assert zeros == [4, 5], "it has changed"
EOF
