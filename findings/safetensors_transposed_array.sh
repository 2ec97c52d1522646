#!/usr/bin/env bash
# safetensors.numpy.save_file writes the memory of an array whose rows do not lie one after another (a transpose, every second column)
# as if they did: no error, the right shape on loading, other numbers. Vectors saved as `array.T` come back scrambled.
# Seen with safetensors 0.8.0 and NumPy 2.4.6. np.ascontiguousarray before saving helps.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages safetensors==0.8.0 numpy==2.4.6

python - <<'EOF'
import numpy as np
from safetensors.numpy import load_file, save_file

numbers = np.arange(12, dtype="float32").reshape(3, 4)
same = {}
for name, array in {"plain": numbers, "transposed": numbers.T, "every second column": numbers[:, ::2]}.items():
    save_file({"vectors": array}, "vectors.safetensors")
    back = load_file("vectors.safetensors")["vectors"]
    assert back.shape == array.shape
    same[name] = bool(np.array_equal(back, array))
    print(f"{name}: {array[0].tolist()} came back as {back[0].tolist()}")
save_file({"vectors": np.ascontiguousarray(numbers.T)}, "vectors.safetensors")
assert np.array_equal(load_file("vectors.safetensors")["vectors"], numbers.T)
assert same == {"plain": True, "transposed": False, "every second column": False}, "it has changed"
EOF
