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
