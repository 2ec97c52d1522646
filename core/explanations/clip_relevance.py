"""What a CLIP model compares: which regions of a picture and which words of a text make them alike.

Attention relevance: Chefer, Gur & Wolf 2021, Generic Attention-model Explainability, arXiv:2103.15679, eqs. 5 and 6; by
their reading of CLIP, https://github.com/hila-chefer/Transformer-MM-Explainability.
Patches: Gandelsman, Efros & Steinhardt 2024, Interpreting CLIP's Image Representation via Text-Based Decomposition,
arXiv:2310.05916, eq. 6: the attention's direct parts of all layers.

Letters: b pictures, L tokens, H heads, d dimensions of the shared space.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..base.arrays import Array
from ..base.memory import in_halves
from ..base.params import ParamError


class ClipExplainer:
    """Explains the agreement of pictures and texts in one CLIP model of open_clip."""

    def __init__(self, network: Any, model: str, device: str) -> None:
        """
        Args:
            network: an open_clip model.
            model: its name, for sentences.

        Raises:
            ParamError: its image encoder is no transformer with a class token.
        """
        visual = network.visual
        blocks = getattr(getattr(visual, "transformer", None), "resblocks", None)
        if blocks is None or not all(_is_plain(block) for block in blocks):
            raise ParamError(
                f"{model} has no image transformer whose attention can be read; choose a ViT such as ViT-B-32"
            )
        if getattr(visual, "pool_type", "tok") != "tok" or getattr(visual, "attn_pool", None) is not None:
            raise ParamError(f"{model} has no class token to explain; choose a ViT that has one, such as ViT-B-32")
        self._network, self._visual, self._model, self._device = network, visual, model, device
        self._image_blocks = list(blocks)
        self._grid = tuple(int(side) for side in visual.grid_size)

    def attention_maps(self, batch: Array, texts: Array) -> Array:
        """Relevance of each patch to the agreement with a text.

        R starts as the identity and grows by R += mean over heads of (dy/dA · A)+ R at each layer; the class token's
        row is the map. y is the cosine with the text's vector.

        Args:
            batch: (b, 3, side, side).
            texts: (b, d) unit vectors, one per picture.

        Returns:
            (b, h, w), at least 0.
        """
        import torch

        def run(rows: Array) -> Array:
            wanted = torch.from_numpy(texts[rows]).to(self._device)
            with _recorded(self._image_blocks) as seen:
                vectors = self._network.encode_image(torch.from_numpy(batch[rows]).to(self._device))
            y = (torch.nn.functional.normalize(vectors.float(), dim=-1) * wanted).sum()
            relevance = _rolled(seen, torch.autograd.grad(y, seen))
            return np.asarray(relevance[:, 0, -self._patches :].detach().cpu().numpy()).reshape(-1, *self._grid)

        return in_halves(run, np.arange(len(batch)))

    def patch_maps(self, batch: Array, texts: Array, others: Array | None = None) -> Array:
        """What each patch's token adds to the agreement with a text, beyond what it adds to other texts.

        Every layer adds sum_j A_cls,j v_j W to the class token, whose direct effect on the picture's vector is
        linear once the final normalisation is taken as it stands; so each patch j has its part of the cosine, summed
        over the layers. One forward pass serves any number of texts.

        Args:
            texts: (t, b, d) unit vectors.
            others: (m, d) unit vectors that a patch must speak against; none if empty.

        Returns:
            (t, b, h, w), at least 0.
        """
        import torch

        def run(rows: Array) -> Array:
            with (
                torch.inference_mode(),
                _parts_of(self._image_blocks) as parts,
                _scale_of(self._visual) as scale,
            ):
                vectors = self._network.encode_image(torch.from_numpy(batch[rows]).to(self._device)).float()
                added = parts[0][:, -self._patches :].float()
                added = (added - added.mean(dim=-1, keepdim=True)) * scale[0]
                if self._visual.proj is not None:
                    added = added @ self._visual.proj.float()
                added = added / vectors.norm(dim=-1)[:, None, None]
                found = torch.einsum("bpd,tbd->btp", added, torch.from_numpy(texts[:, rows]).to(self._device))
                if others is not None and len(others):
                    found = found - (added @ torch.from_numpy(others).to(self._device).T).mean(dim=2)[:, None]
            return np.asarray(found.relu().cpu().numpy()).reshape(len(rows), len(texts), *self._grid)

        return np.asarray(in_halves(run, np.arange(len(batch))).transpose(1, 0, 2, 3))

    def word_relevance(self, text: str, tokenizer: Any, vectors: Array) -> tuple[list[str], Array]:
        """Relevance of each word of a text to its agreement with pictures.

        As `attention_maps`, in the text encoder; the row is that of the token which the text's vector is read from.

        Args:
            tokenizer: the model's own; CLIP's byte pairs.
            vectors: (b, d) unit vectors of pictures.

        Returns:
            the words, and (b, words) shares that sum to one.

        Raises:
            ParamError: the model's texts are not read at an end token, or its tokenizer is another.
        """
        import torch

        blocks = getattr(getattr(self._network, "transformer", None), "resblocks", None)
        if blocks is None or not hasattr(tokenizer, "decoder") or not all(_is_plain(block) for block in blocks):
            raise ParamError(
                f"The words of {self._model}'s texts cannot be told apart here; choose a CLIP of OpenAI's kind"
            )
        tokens = tokenizer([text]).to(self._device)
        end = int(tokens[0].argmax())
        words, place = _words(tokenizer, tokens[0, 1:end].tolist())

        def run(rows: Array) -> Array:
            pictures = torch.from_numpy(vectors[rows]).to(self._device)
            with _recorded(list(blocks)) as seen:
                vector = self._network.encode_text(tokens.expand(len(rows), -1))
            y = (torch.nn.functional.normalize(vector.float(), dim=-1) * pictures).sum()
            relevance = _rolled(seen, torch.autograd.grad(y, seen))[:, end, 1:end]
            return np.asarray(relevance.detach().cpu().numpy(), dtype=np.float32)

        found = in_halves(run, np.arange(len(vectors)))
        shares = np.zeros((len(vectors), len(words)), dtype=np.float32)
        for token, word in enumerate(place):
            shares[:, word] += found[:, token]
        total = shares.sum(axis=1, keepdims=True)
        return words, np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / max(len(words), 1))

    @property
    def _patches(self) -> int:
        return self._grid[0] * self._grid[1]


def _is_plain(block: Any) -> bool:
    import torch

    return isinstance(getattr(block, "attn", None), torch.nn.MultiheadAttention) and hasattr(block, "attention")


def _rolled(seen: list[Any], slopes: Any) -> Any:
    """(b, L, L) relevance of tokens for tokens after all layers."""
    import torch

    relevance = torch.eye(seen[0].shape[-1], device=seen[0].device).expand(len(seen[0]), -1, -1)
    for attention, slope in zip(seen, slopes, strict=True):
        relevance = relevance + (slope * attention).clamp(min=0).mean(dim=1) @ relevance
    return relevance


def _attend(attn: Any, x: Any, mask: Any, seen: list[Any]) -> Any:
    """Multi-head self-attention in the open: as `torch.nn.MultiheadAttention`, keeping the (b, H, L, L) attention."""
    import torch
    from torch.nn import functional

    if not attn.batch_first:
        x = x.transpose(0, 1)
    b, length, width = x.shape
    parts = functional.linear(x, attn.in_proj_weight, attn.in_proj_bias).reshape(b, length, 3, attn.num_heads, -1)
    q, k, v = parts.permute(2, 0, 3, 1, 4)
    scores = q @ k.transpose(-1, -2) / (width // attn.num_heads) ** 0.5
    if mask is not None:
        scores = scores + mask.to(scores.dtype)
    probabilities = torch.softmax(scores, dim=-1)
    if torch.is_grad_enabled() and not probabilities.requires_grad:
        probabilities.requires_grad_(True)  # the weights are frozen: gradients begin at the first layer's attention
    seen.append(probabilities)
    out = attn.out_proj((probabilities @ v).transpose(1, 2).reshape(b, length, width))
    return out if attn.batch_first else out.transpose(0, 1)


@contextmanager
def _recorded(blocks: list[Any]) -> Iterator[list[Any]]:
    """While it lasts, the blocks' attention is kept, layer by layer."""
    seen: list[Any] = []

    def attention_of(block: Any) -> Any:
        return lambda q_x, k_x=None, v_x=None, attn_mask=None: _attend(block.attn, q_x, attn_mask, seen)

    for block in blocks:
        block.attention = attention_of(block)
    try:
        yield seen
    finally:
        for block in blocks:
            del block.attention


@contextmanager
def _parts_of(blocks: list[Any]) -> Iterator[list[Any]]:
    """While it lasts, what each token adds to the class token is kept, summed over the blocks, (b, L, width)."""
    from torch.nn import functional

    kept: list[Any] = []

    def attention_of(block: Any) -> Any:
        def attention(q_x: Any, k_x: Any = None, v_x: Any = None, attn_mask: Any = None) -> Any:
            seen: list[Any] = []
            out = _attend(block.attn, q_x, attn_mask, seen)
            x = q_x if block.attn.batch_first else q_x.transpose(0, 1)
            heads, width = block.attn.num_heads, x.shape[-1]
            bias = None if block.attn.in_proj_bias is None else block.attn.in_proj_bias[2 * width :]
            values = functional.linear(x, block.attn.in_proj_weight[2 * width :], bias).reshape(*x.shape[:2], heads, -1)
            weighted = seen[0][:, :, 0].transpose(1, 2)[..., None] * values  # (b, L, H, width / H)
            part = block.ls_1(weighted.flatten(2) @ block.attn.out_proj.weight.T)
            kept[:] = [kept[0] + part] if kept else [part]
            return out

        return attention

    for block in blocks:
        block.attention = attention_of(block)
    try:
        yield kept
    finally:
        for block in blocks:
            del block.attention


@contextmanager
def _scale_of(visual: Any) -> Iterator[list[Any]]:
    """While it lasts, the factor that the final normalisation puts on the class token is kept, (b, 1, width)."""
    kept: list[Any] = []

    def look(part: Any, given: Any, out: Any) -> None:
        x = given[0]
        token = (x[:, 0] if x.ndim == 3 else x).float()
        deviation = (token.var(dim=-1, unbiased=False, keepdim=True) + part.eps).sqrt()
        kept.append((part.weight.float() / deviation)[:, None])

    handle = visual.ln_post.register_forward_hook(look)
    try:
        yield kept
    finally:
        handle.remove()


def _words(tokenizer: Any, tokens: list[int]) -> tuple[list[str], list[int]]:
    """The words that byte-pair tokens make, and which word each token belongs to."""
    words: list[str] = []
    place: list[int] = []
    begun = ""
    for token in tokens:
        place.append(len(words))
        piece = tokenizer.decoder[token]
        begun += piece
        if piece.endswith("</w>"):
            words.append(_spelled(tokenizer, begun))
            begun = ""
    if begun:
        words.append(_spelled(tokenizer, begun))
    return words, place


def _spelled(tokenizer: Any, piece: str) -> str:
    """Letters of a byte-pair word."""
    letters = piece.removesuffix("</w>")
    return bytearray(tokenizer.byte_decoder[letter] for letter in letters).decode("utf-8", errors="replace")
