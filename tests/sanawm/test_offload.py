"""A network whose blocks come to the device in turn computes what one that lies there does."""

import pytest
import torch
from test_transformer import build, inputs, relative_error

from sanawm.offload import OffloadedBlocks
from sanawm.transformer import CameraInputs

CPU = torch.device("cpu")


def test_an_offloaded_network_gives_the_same_numbers_time_after_time():
    there, elsewhere = build(), build()
    elsewhere.offload(CPU)
    expected = there(*inputs())
    assert all(torch.equal(elsewhere(*inputs()), expected) for _ in range(2))


def test_only_two_blocks_are_on_the_device_at_any_time():
    transformer = build()
    blocks = OffloadedBlocks(transformer.blocks, CPU)
    places = [place.untyped_storage().data_ptr() for place in blocks._places]
    seen = []
    for block in blocks:
        where = {x.untyped_storage().data_ptr() for x in block.parameters()}
        assert where == {places[len(seen) % 2]}
        seen.append(block)
        others = [other for other in transformer.blocks if other is not block]
        at_home = {x.untyped_storage().data_ptr() for each in others for x in each.parameters()}
        assert not at_home & set(places)
    assert seen == list(transformer.blocks)


def test_the_next_block_is_copied_before_this_one_computes():
    transformer = build()
    blocks = OffloadedBlocks(transformer.blocks, CPU)
    brought = []
    bring = blocks._bring
    blocks._bring = lambda index: (brought.append(index), bring(index))[1]
    for index, _ in enumerate(blocks):
        assert brought[-1] == index + 1


def test_an_error_within_a_block_leaves_the_network_whole():
    transformer = build()
    transformer.offload(CPU)
    expected = build()(*inputs())
    x, timestep, text, mask, camera = inputs()
    short = CameraInputs(camera.raymap_BT20, camera.plucker_BCTHW[..., :1])
    with pytest.raises(RuntimeError):
        transformer(x, timestep, text, mask, short)
    assert torch.equal(transformer(*inputs()), expected)


def test_blocks_come_back_for_good():
    transformer = build()
    transformer.offload(CPU)
    transformer.settle(CPU)
    assert relative_error(transformer(*inputs()), build()(*inputs())) == 0
    assert transformer.state_dict().keys() == build().state_dict().keys()
