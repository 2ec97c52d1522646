"""Every method, in the order in which people use them. To add one: write its file, add it here."""

from __future__ import annotations

import difflib

from .base.method import Method
from .base.params import ParamError, Params
from .classifiers import classify_images as imagenet
from .classifiers import finetune_classifier as finetune
from .classifiers import train_classifier as classifier
from .copies import find_duplicates as duplicates
from .copies import find_leaks as leaks
from .embeddings import compute_embeddings as embeddings
from .embeddings import fuse_embeddings as fusion
from .embeddings import import_embeddings
from .explanations import explain
from .failures import find_failure_slices as failure_slices
from .importance import score_importance as importance
from .importance import select_coreset as coreset
from .labels import audit_labels
from .labels import find_confusions as confusions
from .labels import find_consensus as consensus
from .labels import find_detection_issues as detection_issues
from .labels import find_label_issues as label_issues
from .labels import find_multilabel_issues as multilabel_issues
from .labels import find_regression_issues as regression_issues
from .maps import compute_map as maps
from .neighbors import find_neighbors as neighbors
from .quality import find_annotation_issues as annotation_issues
from .quality import find_outliers as outliers
from .quality import find_quality_issues as quality
from .quality import find_spurious_cues as spurious
from .representatives import find_representatives as representatives
from .representatives import sweep_representatives
from .selection import order_by_similarity as ordering
from .selection import report
from .selection import select_next_batch as next_batch
from .selection import select_subset as selection
from .selection import split_dataset as splits
from .zero_shot import tag_zero_shot as zero_shot

METHODS: tuple[Method, ...] = (
    embeddings.METHOD,
    import_embeddings.METHOD,
    fusion.METHOD,
    maps.METHOD,
    neighbors.METHOD,
    representatives.METHOD,
    sweep_representatives.METHOD,
    zero_shot.METHOD,
    classifier.METHOD,
    finetune.METHOD,
    imagenet.METHOD,
    explain.METHOD,
    annotation_issues.METHOD,
    label_issues.METHOD,
    audit_labels.METHOD,
    multilabel_issues.METHOD,
    regression_issues.METHOD,
    detection_issues.METHOD,
    consensus.METHOD,
    confusions.METHOD,
    failure_slices.METHOD,
    quality.METHOD,
    spurious.METHOD,
    duplicates.METHOD,
    leaks.METHOD,
    outliers.METHOD,
    importance.METHOD,
    selection.METHOD,
    coreset.METHOD,
    splits.METHOD,
    next_batch.METHOD,
    ordering.METHOD,
    report.METHOD,
)


def method_named(name: str | type[Params]) -> Method:
    """The method of that name, or the one that takes those parameters.

    Raises:
        ParamError: there is none.
    """
    for method in METHODS:
        if name in (method.name, method.params):
            return method
    names = [method.name for method in METHODS]
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the methods are {', '.join(names)}"
    raise ParamError(f"There is no method {name!r}; {hint}")
