"""Whole samples: sixty steps as diffusers draws them, ten chunks as the definitions have them."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers import SanaWMPipeline as PipelineOfDiffusers
from PIL import Image
from public_folders import (
    CONFIG,
    SMALL_CARD,
    random_autoencoder,
    random_transformer,
    write_diffusers,
)
from test_streaming import STREAMING, build, tensors_of
from test_transformer_diffusers import IN_SINGLE, Case, camera_path, diffusers_class

import sanawm.attention
import sanawm.layers
from kernels.gated_delta.reference import gated_delta
from kernels.short_conv.reference import short_conv
from sanawm.camera.path import CameraPath
from sanawm.pipeline import SanaWMPipeline
from sanawm.request import GenerationRequest
from sanawm.sampling import explicit_sigmas
from sanawm.streaming import chunk_lengths, cut, draw_chunks
from sanawm.transformer import CameraInputs

LEVELS = (1.0, 0.96, 0.889, 0.727, 0.0)
CHUNKS = (4, *[3] * 9)
HEIGHT, WIDTH = 2, 3


def relative_error(got, expected):
    return float((got - expected).norm() / expected.norm())


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Of small products, of which a second thread only waits for the first."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def opened(tiny_model_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "model"
    write_diffusers(folder, random_transformer(), tiny_model_folder, SMALL_CARD)
    return SanaWMPipeline.from_pretrained(folder)


@pytest.fixture
def request_of_sixty_steps(tmp_path):
    y, x = np.mgrid[0:64, 0:96]  # the model's own size: nothing is resampled
    picture = np.stack((x * 2, y * 4, 255 - x), axis=-1).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    turn = np.linspace(0, 0.6, 25)
    c2w = np.tile(np.eye(4), (25, 1, 1))
    c2w[:, 0, 0] = c2w[:, 2, 2] = np.cos(turn)
    c2w[:, 0, 2], c2w[:, 2, 0] = np.sin(turn), -np.sin(turn)
    c2w[:, :3, 3] = np.stack((turn, -turn / 3, 2 * turn), axis=-1)
    return GenerationRequest(
        image=tmp_path / "photo.png",
        prompt="a long hall",
        negative_prompt="rain",
        camera_path=CameraPath.from_poses(c2w, intrinsics=(90.0, 92.0, 48.0, 30.0), fps=16),
        num_frames=25,
        seed=7,
        num_inference_steps=60,
        guidance_scale=5.0,
    )


def drawn_by_diffusers(opened, request):
    """diffusers' pipeline, transformer, autoencoder and scheduler, from the same words' vectors."""
    transformer = diffusers_class(IN_SINGLE)(
        **{name: x for name, x in CONFIG.to_diffusers().items() if name[0] != "_"}
    )
    transformer.load_state_dict(opened.parts.transformer.state_dict())
    pipeline = PipelineOfDiffusers(
        tokenizer=None,
        text_encoder=None,
        vae=random_autoencoder(),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=9.8),
    )
    pipeline.set_progress_bar_config(disable=True)
    encoder = opened.parts.text_encoder
    texts = encoder.encode(request.prompt), encoder.encode(request.negative_prompt, negative=True)
    longest = max(text.shape[1] for text in texts)
    embeds = [torch.nn.functional.pad(x, (0, 0, 0, longest - x.shape[1]))[:, None] for x in texts]
    masks = [(torch.arange(longest) < x.shape[1])[None].long() for x in texts]
    return pipeline(
        Image.open(request.image),
        request.prompt,
        c2w=request.camera_path.c2w.copy(),
        intrinsics=request.camera_path.intrinsics.copy(),
        height=64,
        width=96,
        num_frames=request.num_frames,
        num_inference_steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator().manual_seed(request.seed),
        prompt_embeds=embeds[0],
        prompt_attention_mask=masks[0],
        negative_prompt_embeds=embeds[1],
        negative_prompt_attention_mask=masks[1],
        output_type="latent",
    ).latent


def test_sixty_guided_steps_end_where_diffusers_pipeline_ends(
    opened, request_of_sixty_steps, tmp_path
):
    """Picture, path and seed go into both; weights and the words' vectors are shared."""
    *_, finished = opened.generate(request_of_sixty_steps, tmp_path / "clip.mp4")
    expected = drawn_by_diffusers(opened, request_of_sixty_steps)
    assert finished.latents.shape == expected.shape == (1, 128, 4, 2, 3)
    assert relative_error(finished.latents, expected) <= 1e-5


@pytest.fixture(scope="module")
def clip():
    """Start, camera and text of a clip of eleven chunks; weights with which every mistake shows."""
    frames = sum(CHUNKS) + 3
    generator = torch.Generator().manual_seed(0)
    case = Case(heads=2, head_dim=24, grid=(frames, HEIGHT, WIDTH), travel=0.1)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    transformer = build(boost=True)
    start = draw(1, 16, frames, HEIGHT, WIDTH)
    plucker = draw(1, STREAMING.chunk_plucker_channels, frames, HEIGHT, WIDTH)
    camera = CameraInputs(camera_path(case, generator), plucker)
    words = draw(1, 5, STREAMING.caption_channels)
    return transformer, words, start, camera


def part_of(camera, begin, end):
    return CameraInputs(camera.raymap_BT20[:, begin:end], camera.plucker_BCTHW[:, :, begin:end])


def by_the_book(clip):
    """Four steps of one chunk, then a pass over it, clean, that only remembers; then the next."""
    transformer, words, start, camera = clip
    text = transformer.read(words, torch.ones(words.shape[:2]))
    memory, clean, begin = None, [], 0
    for length in CHUNKS:
        end = begin + length
        placed = transformer.place(
            text, part_of(camera, begin, end), (length, HEIGHT, WIDTH), first_frame=begin
        )
        latents = start[:, :, begin:end]
        for level, lower in pairwise(LEVELS):
            timestep = torch.full((1, length), 1000 * level)
            timestep[:, : begin == 0] = 0  # the picture
            moved = latents + (lower - level) * transformer.step(latents, timestep, placed, memory)
            latents = torch.where(timestep[:, None, :, None, None] > 0, moved, latents)
        _, memory = transformer.advance(latents, torch.zeros(1, length), placed, memory)
        clean.append(latents)
        begin = end
    return torch.cat(clean, dim=2)


def masked_softmax(query, own, scale, chunks, window):
    """Every token against every other one, and a mask: own chunk, the one before it, the first."""
    chunk_T = torch.arange(len(chunks)).repeat_interleave(torch.tensor(chunks))
    behind = chunk_T[:, None] - chunk_T
    seen_TT = (behind == 0) | (behind == 1) | ((behind > 1) & (chunk_T == 0))
    seen = seen_TT.repeat_interleave(HEIGHT * WIDTH, 0).repeat_interleave(HEIGHT * WIDTH, 1)
    query, key, value = (x.flatten(1, 2).transpose(1, 2) for x in (query, *own))
    logits = (scale * query @ key.mT).masked_fill(~seen, -torch.inf)
    mixed = (logits.softmax(-1) @ value).transpose(1, 2)
    return mixed.unflatten(1, (len(chunk_T), -1)), window


def taps_over_time(feed_forward, x, chunks, before):
    """Each frame, its two neighbours, and nothing of a later chunk."""
    past, here, future = feed_forward.t_conv.weight.squeeze(-1).unbind(-1)
    ends = {sum(chunks[: index + 1]) for index in range(len(chunks))}
    frames = []
    for t in range(x.shape[1]):
        frame = x[:, t] + x[:, t] @ here.T
        if t > 0:
            frame = frame + x[:, t - 1] @ past.T
        if t + 1 not in ends:
            frame = frame + x[:, t + 1] @ future.T
        frames.append(frame)
    return torch.stack(frames, dim=1)


@pytest.fixture(scope="module")
def drawn(clip):
    """Every step as the product draws eleven chunks, and the bytes of each memory on the way.

    The pass that remembers a chunk runs with the next chunk's first step.
    """
    transformer, words, start, camera = clip
    text = transformer.read(words, torch.ones(words.shape[:2]))
    sizes, advance = [], transformer.advance

    def watched(*arguments):
        velocity, memory = advance(*arguments)
        sizes.append(sum(x.untyped_storage().nbytes() for x in tensors_of(memory)))
        return velocity, memory

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformer, "advance", watched)
        chunks, sigmas = cut(start, camera, (*CHUNKS, 3)), explicit_sigmas(LEVELS[:-1])
        return list(draw_chunks(transformer, text, chunks, sigmas)), sizes


def test_ten_chunks_are_those_of_the_loop_that_remembers_in_a_pass_of_its_own(clip, drawn):
    steps, _ = drawn
    finals = [step.latents_BCTHW for step in steps if step.is_last]
    assert chunk_lengths(sum(CHUNKS)) == CHUNKS
    assert relative_error(torch.cat(finals[:-1], dim=2), by_the_book(clip)) <= 1e-5


def test_every_step_of_ten_chunks_is_that_of_the_definitions_without_any_memory(
    clip, drawn, monkeypatch
):
    """Delta rule, convolutions and softmax over all that went before, read again at each step.

    The four steps of a chunk go through in one batch, each from where the product was.
    """
    steps, _ = drawn
    monkeypatch.setattr(sanawm.attention, "gated_delta_chunks", gated_delta)
    monkeypatch.setattr(sanawm.attention, "short_conv", short_conv)
    monkeypatch.setattr(sanawm.attention, "_softmax_chunks", masked_softmax)
    monkeypatch.setattr(sanawm.layers.FeedForward, "_over_time", taps_over_time)
    transformer, words, start, camera = clip
    text = transformer.read(words.expand(4, -1, -1), torch.ones(4, words.shape[1]))
    four_cameras = CameraInputs(*(x.expand(4, *x.shape[1:]) for x in camera))
    falls = torch.tensor(LEVELS).diff().view(4, 1, 1, 1, 1)
    clean = start[:, :, :0]
    for index in range(len(CHUNKS)):
        four, done = steps[4 * index : 4 * index + 4], clean.shape[2]
        before, after = (
            torch.cat([getattr(step, name) for step in four])
            for name in ("before_BCTHW", "latents_BCTHW")
        )
        seen = torch.cat((clean.expand(4, -1, -1, -1, -1), before), dim=2)
        end = seen.shape[2]
        timestep = torch.zeros(4, end)
        timestep[:, max(done, 1) :] = 1000 * torch.tensor(LEVELS[:-1])[:, None]
        placed = transformer.place(
            text,
            part_of(four_cameras, 0, end),
            (end, HEIGHT, WIDTH),
            chunks=CHUNKS[: index + 1],
        )
        velocity = transformer.step(seen, timestep, placed)[:, :, done:]
        velocity[:, :, : index == 0] = 0  # the picture
        assert relative_error(after - before, falls * velocity) <= 1e-5
        clean = torch.cat((clean, after[3:]), dim=2)


def test_what_is_remembered_after_ten_chunks_takes_the_bytes_it_took_after_three(drawn):
    _, sizes = drawn
    assert len(sizes) == 10
    assert sizes[2] == sizes[9] > 0
