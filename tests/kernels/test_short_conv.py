"""The shifted sums must be the definition, and the definition PyTorch's two convolutions."""

import pytest
import torch
from torch.nn import functional as nnf

from kernels.short_conv import short_conv
from kernels.short_conv.reference import short_conv as reference

SHAPES = [(1, 1, 1, 1), (2, 2, 3, 5), (1, 3, 4, 8), (2, 5, 6, 33), (1, 21, 2, 112)]


def inputs(shape, taps=4):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    return x, torch.randn(shape[-1], 1, taps, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fast_path_is_the_definition(shape):
    torch.testing.assert_close(short_conv(*inputs(shape)), reference(*inputs(shape)))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_written_gradient_is_that_of_the_definition(shape):
    arguments = [tensor.requires_grad_() for tensor in inputs(shape)]
    pull = torch.randn(shape, generator=torch.Generator().manual_seed(1)).double()
    expected = torch.autograd.grad(reference(*arguments), arguments, pull)
    found = torch.autograd.grad(short_conv(*arguments), arguments, pull)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("taps", [1, 3, 4])
def test_the_definition_is_a_causal_convolution_run_both_ways(taps):
    x_BTSC, weight = inputs((2, 6, 3, 5), taps)

    def causal(sequence_BTSC):
        rows = sequence_BTSC.permute(0, 2, 3, 1).flatten(0, 1)
        padded = nnf.pad(rows, (taps - 1, 0))
        y = nnf.conv1d(padded, weight, groups=5).view(2, 3, 5, 6)
        return y.permute(0, 3, 1, 2)

    both_ways = causal(x_BTSC) + causal(x_BTSC.flip(1)).flip(1) - weight[:, 0, -1] * x_BTSC
    torch.testing.assert_close(reference(x_BTSC, weight), both_ways)


CHUNKS = [(6,), (4, 2), (1, 5), (3, 3), (1, 1, 1, 1, 1, 1)]


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@pytest.mark.parametrize("begun", [False, True], ids=["at the start", "with frames before"])
def test_chunks_are_read_and_pulled_as_the_definition_says(chunks, begun):
    arguments = [tensor.requires_grad_() for tensor in inputs((2, 6, 3, 5))]
    before = inputs((2, 3, 3, 5))[0].flip(1) if begun else None
    expected = reference(*arguments, chunks, before)
    found = short_conv(*arguments, chunks, before)
    torch.testing.assert_close(found, expected)

    pull = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1)).double()
    wanted = torch.autograd.grad(expected, arguments, pull)
    for one, other in zip(torch.autograd.grad(found, arguments, pull), wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_a_chunk_sees_the_frames_of_the_one_before_and_none_of_the_one_after():
    x_BTSC, weight = inputs((1, 7, 2, 3))
    at_once = short_conv(x_BTSC, weight, (4, 3))
    first = short_conv(x_BTSC[:, :4], weight)
    second = short_conv(x_BTSC[:, 4:], weight, None, x_BTSC[:, 1:4])
    torch.testing.assert_close(torch.cat((first, second), dim=1), at_once)
