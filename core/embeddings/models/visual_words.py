"""Visual words: a picture as the histogram of its local features, each counted as the nearest of 512 words.

Sivic & Zisserman 2003, Video Google, https://doi.org/10.1109/ICCV.2003.1238663 (words and their tf-idf weights);
Csurka et al. 2004, Visual categorization with bags of keypoints. The words are the k-means centres of local features
of the set itself: cells of the weight-free descriptor, or the places of a layer of a torchvision ResNet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ...base.arrays import Array, Facts, Progress
from ...base.errors import ModelError
from .base import Engine, Entry, Pictures, Request, unit_rows
from .descriptor import Descriptor
from .torch_engine import TorchEngine
from .torchvision_resnet import VARIANTS, load_resnet

if TYPE_CHECKING:
    from PIL.Image import Image

WORDS = 512
LEARN_FROM = 1_000
MOST_FEATURES = 60_000
ROUNDS = 12
SUPPORT = 20
LAYERS = ("layer1", "layer2", "layer3", "layer4")


class Local(Protocol):
    """What makes local features: an engine whose `local` gives one vector per place of the picture."""

    enough: int
    batch: int

    def prepare(self, image: Image) -> Array: ...

    def local(self, batch: Array) -> Array:
        """(b, ...) prepared pictures → (b, places, d) float32."""
        ...

    def learn(self, pictures: Pictures, seed: int, progress: Progress) -> None: ...

    def state(self) -> dict[str, Array]: ...

    def restore(self, state: Mapping[str, Array]) -> None: ...

    def lanes(self) -> AbstractContextManager[int]: ...

    def describe(self) -> Facts: ...


class WordsEngine(Engine):
    """`words:descriptor`, or `words:<resnet>/<layer>` such as `words:resnet18/layer3`."""

    dim = WORDS
    learns_from = LEARN_FROM

    def __init__(self, request: Request) -> None:
        network, _, layer = request.variant.partition("/")
        self._model = request.model
        if request.variant == "descriptor":
            self._local: Local = DescriptorCells(Request("descriptor", request.weights))
        elif network in VARIANTS and layer in LAYERS:
            self._local = ResNetLayer(request, network, layer)
        else:
            raise ModelError(
                "model",
                "must be words:descriptor or words:<network>/<layer> with a network of "
                f"{', '.join(VARIANTS)} and a layer of {', '.join(LAYERS)}",
                repr(request.model),
            )
        self.enough, self.batch = self._local.enough, self._local.batch

    def prepare(self, image: Image) -> Array:
        """As the local features want it."""
        return self._local.prepare(image)

    def embed(self, batch: Array) -> Array:
        """(b, ...) → (b, 512) float32 of unit length: share of each word among the places, times its rarity."""
        return unit_rows(self._counts(batch) * self._rarity)

    def lanes(self) -> AbstractContextManager[int]:
        """As many as the local features take."""
        return self._local.lanes()

    def learn(self, pictures: Pictures, seed: int, progress: Progress) -> None:
        """Find the words, and how rare each is: log((1 + pictures) / (1 + pictures that have it)) + 1."""
        self._local.learn(pictures, seed, progress)
        rng = np.random.default_rng(seed)
        each = max(1, MOST_FEATURES // max(len(pictures), 1))
        sample: list[Array] = []
        seen = 0
        for batch in pictures:
            features = unit_features(self._local.local(batch))
            sample += [places[rng.permutation(len(places))[:each]] for places in features]
            seen += len(batch)
            progress(seen, 2 * len(pictures), "finding visual words")
        self._words = found_words(np.concatenate(sample) if sample else np.zeros((1, 1), np.float32), seed)
        having = np.zeros(WORDS)
        for batch in pictures if seen else ():
            having += (self._counts(batch) > 0).sum(axis=0)
            progress(seen := seen + len(batch), 2 * len(pictures), "finding visual words")
        self._rarity = (np.log((1 + len(pictures)) / (1 + having)) + 1).astype(np.float32)

    def state(self) -> dict[str, Array]:
        """`words` (512, d), their `rarity` (512,), and what the local features learned."""
        return {**self._local.state(), "words": self._words, "rarity": self._rarity}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Count the words of another run."""
        self._local.restore(state)
        self._words, self._rarity = state["words"], state["rarity"]

    def describe(self) -> Facts:
        """See `Engine`."""
        return {**self._local.describe(), "model": self._model, "words": WORDS}

    def _counts(self, batch: Array) -> Array:
        """(b, 512) share of the places that show each word."""
        features = unit_features(self._local.local(batch))
        pictures, places, d = features.shape
        nearest = _nearest(features.reshape(-1, d), self._words).reshape(pictures, places)
        counts = np.zeros((pictures, WORDS), np.float32)
        np.add.at(counts, (np.arange(pictures)[:, None], nearest), 1 / places)
        return counts


class DescriptorCells(Descriptor):
    """Gradient directions and colour of 49 overlapping blocks; no weights."""

    learns_from = 0

    def learn(self, pictures: Pictures, seed: int, progress: Progress) -> None:
        """Nothing: the cells are taken before they are whitened."""

    def state(self) -> dict[str, Array]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Nothing."""

    def local(self, batch: Array) -> Array:
        """(b, 64, 64, 3) uint8 → (b, 49, 35) float32."""
        return self.blocks(batch)


class ResNetLayer(TorchEngine):
    """The places of a layer of a ResNet: 196 of 256 numbers for layer3 of resnet18."""

    def __init__(self, request: Request, variant: str, layer: str) -> None:
        import torch

        network, weights, preparation = load_resnet(request, variant)
        children = dict(network.named_children())
        names = list(children)
        cut = torch.nn.Sequential(*(children[name] for name in names[: names.index(layer) + 1]))
        with torch.inference_mode():
            self._channels = int(cut.eval()(torch.zeros(1, 3, 64, 64)).shape[1])
        super().__init__(
            request,
            model=request.model,
            weights=weights,
            network=cut,
            preparation=preparation,
            dim=self._channels,
            encode=_flat_places,
        )

    def local(self, batch: Array) -> Array:
        """(b, 224, 224, 3) uint8 → (b, places, channels) float32."""
        return self.embed(batch).reshape(len(batch), -1, self._channels)


def _flat_places(network: Any, batch: Any) -> Any:
    return network(batch).permute(0, 2, 3, 1).flatten(1)


def packed_bits(vectors: Array) -> Array:
    """(n, 512) word histograms → (n, 64) uint8: one bit per word, set where the picture shows it.

    Pictures then share as many words as `a & b` has bits: a thousand times less to compare than vectors.
    """
    return np.packbits(vectors > 0, axis=1)


def found_words(features: Array, seed: int) -> Array:
    """(m, d) unit features → (512, d) float32 k-means centres, by Lloyd's rounds from a random start.

    A word needs features to stand for: of fewer than 20 times 512, as many words are found as have 20 each, and the
    rest repeat them. Of equal words the first counts, so that those numbers stay zero.
    """
    rng = np.random.default_rng(seed)
    start = rng.permutation(len(features))[: max(1, len(features) // SUPPORT)]
    words = features[np.resize(start[:WORDS], WORDS)].astype(np.float32)
    for _ in range(ROUNDS):
        nearest = _nearest(features, words)
        order = np.argsort(nearest, kind="stable")
        found, first = np.unique(nearest[order], return_index=True)
        words[found] = np.add.reduceat(features[order], first, axis=0) / np.bincount(nearest)[found][:, None]
    return words


def unit_features(features: Array) -> Array:
    """(b, places, d) → each place's vector of length one."""
    return unit_rows(features.reshape(-1, features.shape[-1])).reshape(features.shape)


def _nearest(features: Array, words: Array) -> Array:
    """(m,) index of the word nearest to each feature; in blocks, for the table would be m x 512."""
    half = 0.5 * (words * words).sum(axis=1)
    blocks: Iterator[Array] = (features[start : start + 8192] for start in range(0, len(features), 8192))
    return np.concatenate([(block @ words.T - half).argmax(axis=1) for block in blocks])


ENTRY = Entry(
    name="words",
    models=("words:descriptor", "words:resnet18/layer3"),
    open=WordsEngine,
    dim="512",
    licence="none, or that of the network whose layer is used",
    size="nothing, or the network's",
    good_at="textures, patterns and scenes of many parts, wherever the parts lie",
)
