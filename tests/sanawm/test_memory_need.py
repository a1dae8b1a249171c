"""Counted bytes against those that are alive in the network itself, at full size on no device."""

import pytest
import torch
from live_bytes import LiveBytes, flash_attention

from sanawm.config import TransformerConfig
from sanawm.memory_need import Clip, condition_bytes, drawing_bytes, streaming_bytes
from sanawm.portions import Portions
from sanawm.streaming import chunk_lengths, cut, draw_chunks
from sanawm.transformer import CameraInputs, SanaWMTransformer

FOUR_BLOCKS = TransformerConfig(num_layers=4)  # one of each kind is enough for a peak
EIGHT_BLOCKS = TransformerConfig(num_layers=8)
ROOM = 128 * 4  # bytes of a token's latents, some copies of which are counted beside the steps
SHAPES = (
    (torch.bfloat16, 1, 121, (22, 40), Portions()),
    (torch.bfloat16, 2, 21, (22, 40), Portions()),
    (torch.bfloat16, 1, 121, (22, 40), Portions(heads=4, frames=8)),
    (torch.bfloat16, 2, 21, (22, 40), Portions(heads=2, frames=2)),
    (torch.bfloat16, 1, 41, (11, 20), Portions(heads=4, frames=4)),
    (torch.float32, 1, 21, (22, 40), Portions()),
    (torch.float32, 2, 41, (11, 20), Portions(heads=4, frames=4)),
)


def build(config, dtype):
    with torch.device("meta"):
        transformer = SanaWMTransformer(config).to(dtype)
    return transformer.requires_grad_(False)


def texts(transformer, rows, length, dtype):
    hidden = torch.zeros(rows, length, transformer.config.hidden_size, dtype=dtype, device="meta")
    return tuple(
        block.prepare(hidden, None, transformer.plucker_embedder) for block in transformer.blocks
    )


def camera(rows, num_frames, size):
    return CameraInputs(
        torch.zeros(rows, num_frames, 20, device="meta"),
        torch.zeros(rows, 48, num_frames, *size, device="meta"),
    )


@torch.no_grad()
@pytest.mark.parametrize(("dtype", "rows", "num_frames", "size", "portions"), SHAPES)
def test_drawing_takes_what_is_counted(monkeypatch, dtype, rows, num_frames, size, portions):
    transformer = build(FOUR_BLOCKS, dtype)
    latents = torch.zeros(rows, 128, num_frames, *size, device="meta")
    times = torch.zeros(rows, num_frames, device="meta")
    rays = camera(rows, num_frames, size)
    known = [*transformer.parameters(), *transformer.buffers(), latents, *rays]
    with flash_attention(monkeypatch), LiveBytes(known) as count:
        text = texts(transformer, rows, 300, dtype)
        placed = transformer.place(text, rays, (num_frames, *size), portions=portions)
        held = count.now
        count.peak = 0
        transformer.step(latents, times, placed)
    clip = Clip(
        num_frames=num_frames,
        num_tokens=size[0] * size[1],
        rows=rows,
        text_length=300,
        number_bytes=dtype.itemsize,
    )
    assert condition_bytes(FOUR_BLOCKS, clip) == pytest.approx(held, rel=0.1)
    latent_bytes = 6 * rows * num_frames * clip.num_tokens * ROOM
    counted = drawing_bytes(FOUR_BLOCKS, clip, portions) - latent_bytes
    assert counted == pytest.approx(count.peak, rel=0.1)


@torch.no_grad()
@pytest.mark.parametrize(
    ("dtype", "size", "num_frames"),
    [(torch.bfloat16, (22, 40), 17), (torch.float32, (11, 20), 15)],
)
def test_a_streamed_clip_takes_what_is_counted_however_long(monkeypatch, dtype, size, num_frames):
    transformer = build(EIGHT_BLOCKS, dtype)
    noise = torch.zeros(1, 128, num_frames, *size, device="meta")
    rays = camera(1, num_frames, size)
    lengths, peaks = chunk_lengths(num_frames), []
    text = texts(transformer, 1, 300, dtype)
    known = [*transformer.parameters(), *transformer.buffers(), noise, *rays]
    with flash_attention(monkeypatch), LiveBytes(known) as count:
        sigmas = torch.tensor([1, 0.5, 0])
        for drawn in draw_chunks(transformer, text, cut(noise, rays, lengths), sigmas):
            if drawn.step == 1:
                peaks.append(count.peak)
            count.peak = 0
    clip = Clip(
        num_frames=2 * lengths[-1],
        num_tokens=size[0] * size[1],
        rows=1,
        text_length=300,
        number_bytes=dtype.itemsize,
    )
    assert len(set(peaks[3:])) == 1 < len(peaks[3:])
    text_bytes = 8 * 300 * 3 * 2240 * dtype.itemsize  # known before the count began
    counted = streaming_bytes(EIGHT_BLOCKS, clip, lengths) - text_bytes
    assert counted == pytest.approx(max(peaks), rel=0.1)
