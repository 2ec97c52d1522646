"""Several embeddings of the same images joined into one, in which none outweighs the others.

Each is centred and scaled to unit length, so that all have the same say; side by side they are reduced by principal
components and evened out (whitened). Jégou & Chum 2012, Negative evidences and co-occurences in image retrieval: the
benefit of PCA and whitening, https://doi.org/10.1007/978-3-642-33709-3_55; for many dimensions by random projections,
Halko, Martinsson & Tropp 2011, arXiv:0909.4061. Rows pass in blocks: memory holds the sources, the result and a block.

Letters: n rows, D dimensions of the sources side by side, r of their components.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, Facts, Progress, silent
from ..base.columns import Column, Columns, Vector
from ..base.inputs import Inputs
from ..base.method import Method
from ..base.params import ParamError, param
from ..base.shared_params import StoreParams
from .models.base import unit_rows

BLOCK = 8_192
WIDEST = 2_048  # dimensions whose covariance is worth making in full
OVERSAMPLED, PASSES = 64, 3  # of the random projections: they found 99 % of the variance of 64 components of 1,408
ROUNDING = 1e-6  # of the largest coordinate
LEAST = 1e-6  # share of the largest variance below which a component is rounding


@dataclass(frozen=True, kw_only=True)
class FuseParams(StoreParams):
    """Join two or more embeddings of the same images into one, with equal weight.

    What one model does not see another may: meaning from CLIP, shape from DINOv2, layout from the descriptor. Keep the
    CLIP run beside it: fused vectors have no text encoder.
    """

    sources: tuple[str, ...] = param(help="Embeddings to join, at least two", reads="embeddings")
    method: str = param(
        "pca_whiten",
        "pca_whiten: reduce to the main components and even them out; concat: put them side by side",
        among=("pca_whiten", "concat"),
    )
    dim: int = param(512, "Dimensions of the result, at most those of the sources together", at_least=1)
    whitening: float = param(
        0.5, "How much to even out the components: 0 not at all, 1 fully", at_least=0, at_most=1, advanced=True
    )
    seed: int = param(51, "Random seed, for very many dimensions", at_least=0, advanced=True)

    def check(self) -> None:
        """At least two sources, all different."""
        if len(set(self.sources)) < max(2, len(self.sources)):
            raise ParamError(f"FuseParams.sources must be two or more different embeddings; got {list(self.sources)}")


def fuse_embeddings(inputs: Inputs, params: FuseParams, progress: Progress) -> Columns:
    """Join the embeddings that `sources` names.

    Returns:
        "": (n, dim) float32 of unit length, or (n, r) where the sources have only r components.
    """
    sources: Sequence[Array] = inputs.named["sources"]
    joined = Joined.of(sources, progress)
    if all(joined.constant):
        raise ParamError(
            f"FuseParams.sources must differ between images; all of {', '.join(params.sources)} "
            f"are the same vector on {inputs.n:,} image{'' if inputs.n == 1 else 's'}"
        )
    facts: Facts = {
        "parents": [_parent(inputs, key, matrix) for key, matrix in zip(params.sources, sources, strict=True)],
        "constant": [key for key, constant in zip(params.sources, joined.constant, strict=True) if constant],
        "text": False,
    }
    if params.method == "concat":
        vectors = np.concatenate([unit_rows(block) for block in joined.blocks()])
    else:
        axes, variances, total = principal_axes(joined.blocks, joined.width, params.dim, params.seed, progress)
        scale = variances ** (-params.whitening / 2)
        vectors = np.concatenate([unit_rows((block - joined.mean) @ (axes * scale)) for block in joined.blocks()])
        facts["explained"] = round(float(variances.sum() / total), 4)
    names = " + ".join(params.sources)
    facts |= {
        "model": f"fusion of {names}",
        "dim": int(vectors.shape[1]),
        "headline": f"{inputs.n:,} images in {vectors.shape[1]} dimensions from {names}"
        + (f"; {', '.join(facts['constant'])} is the same for all and adds nothing" if facts["constant"] else ""),
    }
    progress(inputs.n, inputs.n, "joining embeddings")
    return Columns({"": vectors.astype(np.float32)}, facts)


@dataclass(frozen=True)
class Joined:
    """Sources side by side, each centred and of unit length, made block by block.

    Attributes:
        sources: (n, d_i) each.
        means: (d_i,) float32 of each source.
        constant: whether all rows of a source are the same vector; it then counts as zeros.
        mean: (D,) float32 of the joined rows.
    """

    sources: Sequence[Array]
    means: Sequence[Array]
    constant: Sequence[bool]
    mean: Array

    @classmethod
    def of(cls, sources: Sequence[Array], progress: Progress = silent) -> Joined:
        """Look through the sources once for their means, and once more for that of the joined rows."""
        n = len(sources[0])
        progress(0, n, "joining embeddings")
        means = [np.asarray(source.mean(axis=0, dtype=np.float64), dtype=np.float32) for source in sources]
        constant = [_is_constant(source) for source in sources]
        bare = cls(sources, means, constant, np.zeros(0, dtype=np.float32))
        total = sum((block.sum(axis=0, dtype=np.float64) for block in bare.blocks()), np.zeros(bare.width))
        return cls(sources, means, constant, (total / n).astype(np.float32))

    @property
    def width(self) -> int:
        """D."""
        return sum(source.shape[1] for source in self.sources)

    def blocks(self) -> Iterator[Array]:
        """(b, D) float32, each source's part of a row of unit length."""
        for start in range(0, len(self.sources[0]), BLOCK):
            yield np.concatenate(
                [
                    np.zeros_like(part, dtype=np.float32) if constant else unit_rows(part - mean)
                    for part, mean, constant in self._parts(slice(start, start + BLOCK))
                ],
                axis=1,
            )

    def _parts(self, rows: slice) -> Iterator[tuple[Array, Array, bool]]:
        for source, mean, constant in zip(self.sources, self.means, self.constant, strict=True):
            yield source[rows], mean, constant


def principal_axes(
    blocks: Callable[[], Iterator[Array]], width: int, most: int, seed: int, progress: Progress = silent
) -> tuple[Array, Array, float]:
    """Leading principal components of rows that come in blocks.

    Args:
        blocks: makes an iterator over (b, width) blocks; called once for few dimensions, four times for many.
        width: D.
        most: components wanted.
        seed: of the random projections.

    Returns:
        (D, r) float32 axes and (r,) float32 variances along them, largest first, r <= most: those that are no
        rounding; and the total variance.
    """
    if width <= WIDEST:
        gram, mean, total = _second_moments(blocks(), None, width, progress)
        basis = np.eye(width)
    else:
        basis = np.random.default_rng(seed).standard_normal((width, min(most + OVERSAMPLED, width)))
        for _ in range(PASSES):
            basis = _orthonormal(_applied(blocks(), basis.astype(np.float32), progress))
        gram, mean, total = _second_moments(blocks(), basis.astype(np.float32), width, progress)
    variances, axes = np.linalg.eigh(gram - np.outer(mean, mean))
    order = np.argsort(variances)[::-1][:most]
    order = order[variances[order] > LEAST * variances.max()]
    axes = basis @ axes[:, order]
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(len(order))] < 0, -1.0, 1.0)  # signs are arbitrary
    return axes.astype(np.float32), variances[order].astype(np.float32), float(total)


def _second_moments(
    blocks: Iterator[Array], basis: Array | None, width: int, progress: Progress
) -> tuple[Array, Array, float]:
    """E[zᵀz] and E[z] of z = x·basis, or of x itself; and the variance of x."""
    size = width if basis is None else basis.shape[1]
    gram, mean, whole, square, n = np.zeros((size, size)), np.zeros(size), np.zeros(width), 0.0, 0
    for block in blocks:
        z = block if basis is None else block @ basis
        gram += z.T @ z
        mean += z.sum(axis=0, dtype=np.float64)
        whole += block.sum(axis=0, dtype=np.float64)
        square += float(np.einsum("ij,ij->", block, block, dtype=np.float64))
        n += len(block)
        progress(n, 0, "finding the principal components")
    return gram / n, mean / n, square / n - float((whole / n) @ (whole / n))


def _applied(blocks: Iterator[Array], basis: Array, progress: Progress) -> Array:
    """Covariance · basis, (D, r), without the covariance."""
    result = np.zeros(basis.shape)
    whole, shadow, n = np.zeros(basis.shape[0]), np.zeros(basis.shape[1]), 0
    for block in blocks:
        z = block @ basis
        result += block.T @ z
        whole += block.sum(axis=0, dtype=np.float64)
        shadow += z.sum(axis=0, dtype=np.float64)
        n += len(block)
        progress(n, 0, "finding the principal components")
    return np.asarray(result / n - np.outer(whole / n, shadow / n))


def _is_constant(source: Array) -> bool:
    """Whether all rows are the same vector but for rounding, whatever its length."""
    first = source[0]
    for start in range(0, len(source), BLOCK):
        block = source[start : start + BLOCK]
        length = max(float(np.abs(block).max()), float(np.abs(first).max()))
        if float(np.abs(block - first).max()) > ROUNDING * length:
            return False
    return True


def _orthonormal(x: Array) -> Array:
    return np.asarray(np.linalg.qr(x)[0])


def _parent(inputs: Inputs, key: str, matrix: Array) -> Facts:
    """What the run record keeps of a source."""
    known = inputs.sources.get(key, {})
    return {
        "key": key,
        "dim": int(matrix.shape[1]),
        "model": known.get("model"),
        "weights_hash": known.get("weights_hash"),
    }


METHOD = Method(
    name="fuse_embeddings",
    version=1,
    label="Fuse embeddings",
    stage="understand",
    key="fused",
    params=FuseParams,
    run=fuse_embeddings,
    reads=("embeddings",),
    writes=(Column("", Vector, "The image as a vector joined from several embeddings"),),
    cite="Jégou & Chum 2012, https://doi.org/10.1007/978-3-642-33709-3_55; Halko et al. 2011, arXiv:0909.4061",
)
