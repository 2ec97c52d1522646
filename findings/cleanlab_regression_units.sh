#!/usr/bin/env bash
# Cleanlab's residual score for numbers depends on their unit: it is exp(-|given - predicted|), so weights in grams, whose errors are hundreds,
# all score 0 or nearly so, and the worst cannot be told from the others; the same weights in kilograms are ranked well. Nothing warns. The
# default, "outre", keeps the order. Seen with cleanlab 2.9.0: 200 weights, 10 of them wrong by 30 kg; average precision 1.00 in kilograms, .06 in grams.
source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"
packages cleanlab==2.9.0 numpy==2.4.6 scikit-learn==1.9.1

python - <<'EOF'
import numpy as np
from cleanlab.regression.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score

rng = np.random.default_rng(0)
predicted = rng.uniform(40, 100, 200)  # kg
given = predicted + rng.normal(0, 3, 200)
wrong = np.arange(200) < 10
given[wrong] += 30
found = {}
for unit, factor in (("kilograms", 1), ("grams", 1000)):
    for method in ("residual", "outre"):
        scores = get_label_quality_scores(given * factor, predicted * factor, method=method)
        found[unit, method] = average_precision_score(wrong, -scores)
        print(f"{unit}, {method}: average precision {found[unit, method]:.2f}, {len(np.unique(scores))} different scores, {(scores == 0).sum()} are 0")
assert found["kilograms", "residual"] > 0.95, "it has changed"
assert found["grams", "residual"] < 0.5, "it has changed"
assert found["grams", "outre"] > 0.8, "it has changed"
EOF
