"""A network whose blocks' weights do not lie on the card: two at a time come to it, in turn.

The weights stay in the computer's memory, where the card can read them by itself (pinned), each
block's as one piece. While one block computes, the next one's piece is copied into the other of two
places on the card, on a stream of its own; where a block computes longer than its copy takes, which
it does from some hundred thousand tokens per second on, this costs no time. The numbers are those
of a network that lies on the card.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

ALIGNMENT = 256  # bytes, of where a tensor begins


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """A tensor, and where its numbers lie in its block's piece."""

    tensor: Tensor
    begin: int
    end: int

    def of(self, piece: Tensor) -> Tensor:
        """The part of a piece, as this tensor has it."""
        return piece[self.begin : self.end].view(self.tensor.dtype).view(self.tensor.shape)


class OffloadedBlocks:
    """Iterating over it gives each block while its weights are on the device."""

    def __init__(self, blocks: Iterable[nn.Module], device: torch.device) -> None:
        self._blocks = list(blocks)
        self._on_card = device.type == "cuda"
        self._spans = [_spans(block) for block in self._blocks]
        self._pieces = [_packed(spans, pinned=self._on_card) for spans in self._spans]
        largest = max(len(piece) for piece in self._pieces)
        self._places = [torch.empty(largest, dtype=torch.uint8, device=device) for _ in range(2)]
        stream: Callable[..., Any] = torch.cuda.Stream
        self._stream = stream(device) if self._on_card else None
        self._free: list[Any] = [None, None]  # events: the block in this place has computed

    def __iter__(self) -> Iterator[nn.Module]:
        if self._stream is not None:  # what had the places' memory before may still be computing
            self._stream.wait_stream(torch.cuda.current_stream())
        ready = self._bring(0)
        for index, block in enumerate(self._blocks):
            arrived, ready = ready, self._bring(index + 1)
            if arrived is not None:
                torch.cuda.current_stream().wait_event(arrived)
            _point(self._spans[index], self._places[index % 2])
            try:
                yield block
            finally:
                _point(self._spans[index], self._pieces[index])
                if self._on_card:
                    self._free[index % 2] = torch.cuda.current_stream().record_event()

    def bring_back(self, device: torch.device) -> None:
        """Give every block its weights on the device, for good."""
        if self._stream is not None:  # a pass that was given up may have left a copy on its way
            self._stream.synchronize()
        for spans in self._spans:
            for span in spans:
                span.tensor.data = span.tensor.to(device, copy=True)

    def _bring(self, index: int) -> Any:
        """Start to copy a block to its place; the event after which it is there."""
        if index == len(self._blocks):
            return None
        place, piece = self._places[index % 2], self._pieces[index]
        if self._stream is None:
            place[: len(piece)].copy_(piece)
            return None
        with torch.cuda.stream(self._stream):
            if self._free[index % 2] is not None:
                self._stream.wait_event(self._free[index % 2])
            place[: len(piece)].copy_(piece, non_blocking=True)
            return self._stream.record_event()


def _spans(block: nn.Module) -> list[_Span]:
    """The places of a block's tensors, one after the other."""
    spans, begin = [], 0
    for tensor in (*block.parameters(), *block.buffers()):
        end = begin + tensor.nbytes
        spans.append(_Span(tensor=tensor, begin=begin, end=end))
        begin = -(-end // ALIGNMENT) * ALIGNMENT
    return spans


def _packed(spans: list[_Span], *, pinned: bool) -> Tensor:
    """A block's tensors as one piece of the computer's memory, to which the block now points."""
    piece = torch.empty(spans[-1].end, dtype=torch.uint8, pin_memory=pinned)
    for span in spans:
        span.of(piece).copy_(span.tensor)
    _point(spans, piece)
    return piece


def _point(spans: list[_Span], piece: Tensor) -> None:
    """Let a block's tensors be those in a piece."""
    for span in spans:
        span.tensor.data = span.of(piece)
