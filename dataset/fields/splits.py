"""Names of splits, in one place: which tags, folders and values name one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.base.params import ParamError

KINDS = {
    "train": ("train", "training", "trainset"),
    "val": ("val", "valid", "validation", "dev", "development"),
    "test": ("test", "testing", "testset", "holdout", "held_out", "hold_out"),
}
KIND_OF = {name: kind for kind, names in KINDS.items() for one in names for name in (one, f"{one}s")}


def kind_of(name: object) -> str | None:
    """Which of train, val and test a name stands for, in any case and in the plural; None for other names."""
    return KIND_OF.get(str(name).strip().lower().replace("-", "_")) if name is not None else None


def split_names(names: Iterable[object]) -> list[str]:
    """Those that name a split."""
    return [str(name) for name in names if kind_of(name) is not None]


def of_tags(tags: Sequence[Sequence[str] | None]) -> list[str | None]:
    """The split that each sample's tags name, None where they name none.

    Two names of one kind on the same sample, such as "val" and "validation", stand for one split.

    Raises:
        ParamError: a sample's tags name two splits.
    """
    found = [split_names(own or ()) for own in tags]
    torn = [own for own in found if len({kind_of(name) for name in own}) > 1]
    if torn:
        raise ParamError(
            f"Each sample must have at most one tag that names a split; {len(torn):,} have more, "
            f"such as {' and '.join(torn[0])}: take one away, or name a field that holds the split"
        )
    one = {name: str(kind_of(name)) for own in found if len(own) > 1 for name in own}
    return [one.get(own[0], own[0]) if own else None for own in found]
