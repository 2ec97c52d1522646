"""Which split a sample is in, by its tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.base.params import ParamError
from ...core.base.split_names import split_of


def split_names(names: Iterable[object]) -> list[str]:
    """Those that name a split."""
    return [str(name) for name in names if name is not None and split_of(str(name))]


def of_tags(tags: Sequence[Sequence[str] | None]) -> list[str | None]:
    """The split that each sample's tags name, None where they name none.

    Two names of one kind on the same sample, such as "val" and "validation", stand for one split.

    Raises:
        ParamError: a sample's tags name two splits.
    """
    found = [split_names(own or ()) for own in tags]
    torn = [own for own in found if len({split_of(name) for name in own}) > 1]
    if torn:
        raise ParamError(
            f"Each sample must have at most one tag that names a split; {len(torn):,} have more, "
            f"such as {' and '.join(torn[0])}: take one away, or name a field that holds the split"
        )
    one = {name: str(split_of(name)) for own in found if len(own) > 1 for name in own}
    return [one.get(own[0], own[0]) if own else None for own in found]
