"""Drawing chunk by chunk against recorded numbers of a released implementation, pass by pass."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_transformer import CONFIG, WEIGHTS, relative_error

from sanawm.memories import DeltaMemory
from sanawm.sampling import euler_step, explicit_sigmas
from sanawm.streaming import Chunk, chunk_lengths, draw_chunks
from sanawm.transformer import CameraInputs, SanaWMTransformer

RECORDED = load_file(Path(__file__).parents[1] / "data" / "streaming_tiny.safetensors")
LENGTHS = (4, 3, 3, 3, 3)
PADDED = 128**-0.5  # streaming code pads the heads of both branches, and scales by the padded width
STREAMING = replace(CONFIG, softmax_scale_main=PADDED, softmax_scale_camera=PADDED)
SIGMAS = explicit_sigmas((1.0, 0.96, 0.889, 0.727))


def boosted(name, weight):
    """The recorded rule: weights with which every mistake shows."""
    if name.endswith("attn.proj.weight"):
        return weight * 6
    if name.endswith(
        ("mlp.t_conv.weight", "mlp.point_conv.conv.weight", "attn.out_proj_cam.weight")
    ):
        return weight * 3
    if name.endswith(("conv_k.weight", "conv_k_cam.weight")):
        return torch.cat((weight[..., :3] * 4, weight[..., 3:]), dim=-1)
    if name.endswith("attn.dt_bias"):
        return torch.full_like(weight, -3.0)
    if name.startswith("blocks.") and name.endswith("scale_shift_table"):
        rows = torch.tensor([0, 0, 1, 0, 0, 1.0])
        return weight + rows[:, None]
    return weight


def build(config=STREAMING, *, boost=False):
    transformer = SanaWMTransformer(config)
    weights = {name: boosted(name, x) if boost else x for name, x in WEIGHTS.items()}
    transformer.load_state_dict(weights)
    return transformer.requires_grad_(False)


def text_of(transformer):
    return transformer.read(RECORDED["prompt_embeds"].squeeze(1), RECORDED["prompt_mask"])


def chunks_of(*, with_camera=True):
    begin = 0
    for length in LENGTHS:
        frames = slice(begin, begin + length)
        camera = CameraInputs(
            RECORDED["camera_conditions"][:, frames], RECORDED["chunk_plucker"][:, :, frames]
        )
        noise = RECORDED["noise_and_first_frame_latents"][:, :, frames]
        yield Chunk(noise_BCTHW=noise, camera=camera if with_camera else None, first_frame=begin)
        begin += length


def roll_out(transformer, *, merged=True, with_camera=True):
    """Every step's velocity by (chunk, step), the memories by chunk, the final latents."""
    text, chunks = text_of(transformer), list(chunks_of(with_camera=with_camera))
    if merged:
        steps = list(draw_chunks(transformer, text, chunks, SIGMAS))
        finals = [step.latents_BCTHW for step in steps if step.is_last]
        levels = list(pairwise(SIGMAS.tolist()))
        velocities = {
            (each.chunk, each.step - 1): (each.latents_BCTHW - each.before_BCTHW)
            / (levels[each.step - 1][1] - levels[each.step - 1][0])
            for each in steps
        }
        return velocities, [], torch.cat(finals, dim=2)
    return step_by_step(transformer, text, chunks)


def step_by_step(transformer, text, chunks):
    """The reference's own order: four steps, then one pass that only remembers."""
    memory, memories, finals, velocities = None, [], [], {}
    for index, chunk in enumerate(chunks):
        latents = chunk.noise_BCTHW
        grid = (latents.shape[2], *latents.shape[3:])
        conditions = transformer.place(text, chunk.camera, grid, first_frame=chunk.first_frame)
        for step, (sigma, sigma_next) in enumerate(pairwise(SIGMAS)):
            timestep = (1000 * sigma).repeat(1, grid[0])
            timestep[:, : chunk.num_pinned] = 0
            velocity = transformer.step(latents, timestep, conditions, memory)
            velocities[index, step] = velocity
            latents = euler_step(latents, velocity, sigma, sigma_next, num_pinned=chunk.num_pinned)
        velocity, memory = transformer.advance(latents, torch.zeros(1, grid[0]), conditions, memory)
        velocities[index, len(SIGMAS) - 1] = velocity
        memories.append(memory)
        finals.append(latents)
    return velocities, memories, torch.cat(finals, dim=2)


def slots_of(memory):
    """What is remembered of one block, under the recorded names."""
    attention, mlp = memory
    slots = {"slot9": mlp.permute(0, 3, 1, 2)}
    if isinstance(attention, DeltaMemory):
        answer, mass, camera, keys = attention
        slots |= {"slot0": answer.mT, "slot1": mass, "slot2": camera.mT}
        slots |= {"slot4": keys.transpose(1, 2).flatten(0, 1)}
        return slots
    own, camera = attention.main.chunks[-1], attention.camera.chunks[-1]
    parts = zip(("slot0", "slot1", "slot2", "slot3"), (*own, *camera), strict=True)
    return slots | {name: part.flatten(1, 2) for name, part in parts}


@pytest.mark.parametrize("boost", [False, True], ids=["plain", "boosted"])
def test_every_velocity_is_the_recorded_one(boost):
    velocities, _, final = roll_out(build(boost=boost), merged=False)
    kind = "boosted" if boost else "sglang"
    for (chunk, step), velocity in velocities.items():
        expected = RECORDED[f"{kind}/chunk{chunk}/step{step}/velocity"]
        assert relative_error(velocity, expected) <= 5e-6, (chunk, step)
    expected = RECORDED["boosted/final_latents" if boost else "sglang/final_latents"]
    assert relative_error(final, expected) <= (1e-5 if boost else 5e-6)


@pytest.mark.parametrize("boost", [False, True], ids=["plain", "boosted"])
def test_every_memory_is_the_recorded_cache(boost):
    _, memories, _ = roll_out(build(boost=boost), merged=False)
    kind, seen = "boosted" if boost else "sglang", 0
    for chunk, memory in enumerate(memories):
        for block, remembered in enumerate(memory.blocks):
            for slot, value in slots_of(remembered).items():
                name = f"{kind}/chunk{chunk}/cache/block{block}/{slot}"
                if name in RECORDED:
                    seen += 1
                    assert relative_error(value, RECORDED[name]) <= 5e-6, name
    assert seen == sum(name.startswith(f"{kind}/") and "/cache/" in name for name in RECORDED)


@pytest.mark.parametrize("boost", [False, True], ids=["plain", "boosted"])
def test_remembering_beside_the_next_chunks_first_step_changes_nothing(boost):
    transformer = build(boost=boost)
    velocities, _, final = roll_out(transformer)
    expected, _, expected_final = roll_out(transformer, merged=False)
    for key, velocity in velocities.items():
        drawn = slice(1, None) if key[0] == 0 else slice(None)  # the pinned frame stays
        assert relative_error(velocity[:, :, drawn], expected[key][:, :, drawn]) <= 2e-5
    assert relative_error(final, expected_final) <= 1e-6


@pytest.mark.parametrize("boost", [False, True], ids=["plain", "boosted"])
def test_without_the_length_limit_the_recorded_variant_comes_out(boost):
    transformer = build(replace(STREAMING, cam_rms_downscale="none"), boost=boost)
    _, _, final = roll_out(transformer)
    prefix = "boosted_variant" if boost else "variant"
    expected = RECORDED[f"{prefix}_no_rms_downscale/final_latents"]
    assert relative_error(final, expected) <= 1e-5


def test_the_other_softmax_scale_gives_the_recorded_variant():
    transformer = build(replace(STREAMING, softmax_scale_main=None))
    _, _, final = roll_out(transformer)
    assert relative_error(final, RECORDED["variant_main_scale_direct/final_latents"]) <= 5e-6


def test_the_camera_branch_does_not_remember_its_keys():
    """Another implementation does; its numbers are another video."""
    _, _, final = roll_out(build(boost=True))
    other = RECORDED["boosted_variant_cam_conv_cached/final_latents"]
    assert relative_error(final, other) > 1e-3


def test_without_a_camera_its_branch_is_left_out():
    velocities, _, _ = roll_out(build(), merged=False, with_camera=False)
    for chunk in range(len(LENGTHS)):
        expected = RECORDED[f"no_camera/chunk{chunk}/step0/velocity"]
        assert relative_error(velocities[chunk, 0], expected) <= 5e-6


@pytest.mark.parametrize(
    ("scale", "recorded"),
    [(None, "out_diffusers_fp32_sdpa"), (PADDED, "out_streaming_padded_scale")],
    ids=["direct", "padded"],
)
def test_one_chunk_is_the_whole_clip_at_once(scale, recorded):
    transformer = build(replace(STREAMING, softmax_scale_main=scale))
    camera = next(iter(chunks_of())).camera
    latents, timestep = RECORDED["single_chunk/x"], RECORDED["single_chunk/timestep"].squeeze(1)
    velocity = transformer(
        latents, timestep, RECORDED["prompt_embeds"].squeeze(1), RECORDED["prompt_mask"], camera
    )
    assert relative_error(velocity, RECORDED[f"single_chunk/{recorded}"]) <= 5e-6


def tensors_of(memory):
    if isinstance(memory, torch.Tensor):
        return [memory]
    return [tensor for part in memory if part is not None for tensor in tensors_of(part)]


def test_memory_does_not_grow_with_the_clip():
    _, memories, _ = roll_out(build(), merged=False)
    sizes = [sum(x.numel() for x in tensors_of(memory)) for memory in memories]
    assert sizes[1:] == sizes[1:2] * 4


def test_a_memory_holds_on_to_nothing_else():
    """Slices would keep all of a pass's tokens alive."""
    _, memories, _ = roll_out(build(), merged=False)
    for tensor in tensors_of(memories[-1]):
        assert tensor.untyped_storage().nbytes() == tensor.nbytes


@pytest.mark.parametrize(
    ("frames", "lengths"),
    [(3, (3,)), (4, (4,)), (5, (5,)), (6, (3, 3)), (16, LENGTHS), (31, (4, *[3] * 9))],
)
def test_the_first_chunk_takes_what_is_left_over(frames, lengths):
    assert chunk_lengths(frames) == lengths


def test_fewer_frames_than_a_chunk_are_refused():
    with pytest.raises(ValueError, match="needs 3 latent frames, got 2"):
        chunk_lengths(2)
