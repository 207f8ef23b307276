"""Segmenter (Strudel et al. 2021) with ViT-S and a mask transformer, as nmndeep/robust-segmentation publishes it.

The patches are cut by one convolution, or by a stem of several, as the file has it.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.models.segmenters.sea.upernet import ConvStem

PATCH: Final = 16
_WIDTH, _HEADS, _BLOCKS, _LAST_BLOCKS = 384, 6, 12, 2


class Segmenter(nn.Module):
    """The network; `side`: patches per side of the images that it was trained on; `thin` divides its channels."""

    def __init__(self, classes: int, side: int, *, stem: bool, thin: int = 1) -> None:
        super().__init__()
        width = _WIDTH // thin
        self.encoder = Encoder(width, side, stem=stem)
        self.decoder = MaskTransformer(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1], which are not normalised -> class scores (B, C, H, W)."""
        height, width = images.shape[2:]
        padded = functional.pad(images, (0, -width % PATCH, 0, -height % PATCH))
        masks = self.decoder(*self.encoder(padded))
        return functional.interpolate(masks, size=padded.shape[2:], mode="bilinear")[..., :height, :width]


class Block(nn.Module):
    """Attention and two linear layers, each behind a layer norm and added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.Module()
        self.attn.qkv, self.attn.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        tokens = tokens + self._attended(self.norm1(tokens))
        hidden = functional.gelu(self.mlp.get_submodule("fc1")(self.norm2(tokens)))
        out: Tensor = tokens + self.mlp.get_submodule("fc2")(hidden)
        return out

    def _attended(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        joined = self.attn.get_submodule("qkv")(tokens).view(batch, count, 3, _HEADS, width // _HEADS)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(-2, -1) * (width // _HEADS) ** -0.5).softmax(dim=-1)
        out: Tensor = self.attn.get_submodule("proj")((weights @ value).transpose(1, 2).flatten(2))
        return out


class Encoder(nn.Module):
    """ViT-S: tokens of patches, and a class token, which is not handed on."""

    def __init__(self, width: int, side: int, *, stem: bool) -> None:
        super().__init__()
        self.side = side
        self.patch_embed = nn.Module()
        # Of the stem's last convolution the channels are eight times those of the first.
        self.patch_embed.proj = ConvStem(width // 8, 4, width) if stem else nn.Conv2d(3, width, PATCH, PATCH)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.randn(1, side * side + 1, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width) for _ in range(_BLOCKS))
        self.norm = nn.LayerNorm(width)

    def forward(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Tokens of the patches (B, N, D) of images whose sides are multiples of 16, and how many rows and columns."""
        maps: Tensor = self.patch_embed.get_submodule("proj")(images)
        rows, columns = maps.shape[2:]
        tokens = torch.cat([self.cls_token.expand(len(maps), -1, -1), maps.flatten(2).transpose(1, 2)], dim=1)
        tokens = tokens + self._positions(rows, columns)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, 1:], (rows, columns)

    def _positions(self, rows: int, columns: int) -> Tensor:
        """(1, 1 + rows * columns, D), resized from the square that was learnt where there are others."""
        if (rows, columns) == (self.side, self.side):
            return self.pos_embed
        square = self.pos_embed[:, 1:].view(1, self.side, self.side, -1).permute(0, 3, 1, 2)
        resized = functional.interpolate(square, size=(rows, columns), mode="bilinear")
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


class MaskTransformer(nn.Module):
    """A token of each class among those of the patches; scores are the cosine of both, normalised over the classes."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.proj_dec = nn.Linear(width, width)
        self.cls_emb = nn.Parameter(torch.randn(1, classes, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width) for _ in range(_LAST_BLOCKS))
        self.decoder_norm = nn.LayerNorm(width)
        self.proj_patch = nn.Parameter(torch.randn(width, width) * width**-0.5)
        self.proj_classes = nn.Parameter(torch.randn(width, width) * width**-0.5)
        self.mask_norm = nn.LayerNorm(classes)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """(B, C, rows, columns) of tokens (B, rows * columns, D)."""
        count = self.cls_emb.shape[1]
        tokens = torch.cat([self.proj_dec(tokens), self.cls_emb.expand(len(tokens), -1, -1)], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.decoder_norm(tokens)
        patches, classes = tokens[:, :-count] @ self.proj_patch, tokens[:, -count:] @ self.proj_classes
        patches, classes = (part / part.norm(dim=-1, keepdim=True) for part in (patches, classes))
        masks: Tensor = self.mask_norm(patches @ classes.transpose(1, 2))
        return masks.transpose(1, 2).reshape(len(masks), count, *grid)
