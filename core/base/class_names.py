"""Names of classes that probably mean the same: other case, spaces or number, or a slip of the hand ("crar" for "car").

A slip is one letter too many, too few or other, or two that changed places (Damerau 1964,
https://doi.org/10.1145/363958.363994); from eight letters on two of them. The first letter is right and figures are
as they are. Words of up to three letters are no slips of each other: "cat" and "car" are two classes.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations

SHORT = 4  # letters that the longer of two words has at least, if they are to be slips of each other
LONG = 8  # letters from which two slips are one
PLURALS = (
    0.5  # a plural and a singular are two names of one class where one has at most this share of the other's labels
)
MOVED = 0.34  # the same for a letter too many, too few, or two that changed places
OTHER = 0.1  # the same for another letter, or two slips


def plain(name: str) -> str:
    """The name without what spellings differ in: case, accents' encoding, spaces, hyphens and underscores.

    >>> plain(" Traffic_Light ")
    'trafficlight'
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


def singular(name: str) -> str:
    """The plain name without an English plural's ending."""
    found = plain(name)
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if found.endswith(ending) and len(found) > max(len(ending) + 1, 3):
            return found if found.endswith(("ss", "us", "is")) else found.removesuffix(ending) + instead
    return found


def slips(one: str, other: str) -> int:
    """How many letters differ, two that changed places counting as one (optimal string alignment)."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def most_alike(one: str, other: str) -> float:
    """The largest share of the other's labels that a name may have and still be taken for a misspelling of it.

    Returns:
        1 where only case, spaces or hyphens differ; 0 where the names are not alike
    """
    left, right = plain(one), plain(other)
    if not left or not right or one == other:
        return 0.0
    if left == right:
        return 1.0
    if singular(one) == singular(other):
        return PLURALS
    shorter, longer = sorted((left, right), key=len)
    allowed = 2 if len(shorter) >= LONG else 1
    if (
        left[0] != right[0]
        or len(longer) - len(shorter) > allowed
        or re.sub(r"\D", "", left) != re.sub(r"\D", "", right)
    ):
        return 0.0
    if len(longer) < SHORT or _differ_in_short_words(one, other):
        return 0.0
    count = slips(left, right)
    if count > allowed:
        return 0.0
    moved = count == 1 and (len(left) != len(right) or sorted(left) == sorted(right))
    return MOVED if moved else OTHER


def misspellings(counts: Mapping[str, int]) -> dict[str, str]:
    """Name → the more frequent name that it probably means, for the names that seem to be misspelled.

    Args:
        counts: name → number of labels.
    """
    found: dict[str, tuple[float, int, str]] = {}
    for one, other in _candidates(counts):
        rare, frequent = sorted((one, other), key=lambda name: (counts[name], name != name.lower(), name))
        if rare.islower() and not frequent.islower() and counts[rare] == counts[frequent]:
            rare, frequent = frequent, rare
        if counts[rare] > PLURALS * counts[frequent] and plain(rare) != plain(frequent):
            continue  # before letters are compared: codes such as "aab" and "abb" make many pairs
        most = most_alike(rare, frequent)
        if most and counts[rare] <= most * counts[frequent]:
            found[rare] = max(found.get(rare, (0.0, 0, "")), (most, counts[frequent], frequent))
    meant = {name: best for name, (_, _, best) in found.items()}
    return {name: _end(name, meant) for name in meant}


def closest(name: str, known: Iterable[str]) -> str | None:
    """The one known name that a name probably means; None where none is alike, or several are equally."""
    ranked = sorted(((most_alike(name, one), one) for one in known), reverse=True)
    if not ranked or not ranked[0][0] or (len(ranked) > 1 and ranked[1][0] == ranked[0][0]):
        return None
    return ranked[0][1]


def _end(name: str, found: Mapping[str, str]) -> str:
    """Where a chain of misspellings ends; each is more frequent than the one before, or comes before it by name."""
    seen = {name}
    while name in found and found[name] not in seen:
        name = found[name]
        seen.add(name)
    return name


def _candidates(names: Iterable[str]) -> set[tuple[str, str]]:
    """Pairs that share what is left after up to two letters are taken away: all that can be slips, and few others."""
    known: dict[str, list[str]] = defaultdict(list)
    for name in names:
        word = plain(name)
        for left in {singular(name), *_without(word, 2 if len(word) >= LONG else 1)}:
            known[left].append(name)
    return {pair for same in known.values() if len(same) > 1 for pair in combinations(sorted(same), 2)}


def _without(word: str, most: int) -> set[str]:
    if len(word) > 40:  # sentences are no names
        return {word}
    found = {word}
    for count in range(1, most + 1):
        found |= {
            "".join(letter for place, letter in enumerate(word) if place not in gone)
            for gone in combinations(range(1, len(word)), count)
        }
    return found


def _differ_in_short_words(one: str, other: str) -> bool:
    """Whether two names of as many words differ in a word of up to three letters, as "grade a" and "grade b"."""
    words = [re.split(r"[\W_]+", name.casefold().strip()) for name in (one, other)]
    if len(words[0]) != len(words[1]):
        return False
    pairs = [pair for pair in zip(*words, strict=True) if pair[0] != pair[1]]
    return any(max(map(len, pair)) < SHORT for pair in pairs)
