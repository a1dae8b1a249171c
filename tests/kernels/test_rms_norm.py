"""The norm must be the definition, gradient included, and PyTorch's own where it has one."""

import pytest
import torch
from torch.nn import functional as nnf

from kernels.rms_norm import rms_norm
from kernels.rms_norm.reference import rms_norm as reference

SHAPES = [(1, 1), (3, 7), (2, 5, 3, 48)]


def inputs(shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator, dtype=dtype)
    return x, torch.randn(shape[-1], generator=generator, dtype=dtype)


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_gradient_are_those_of_the_definition(shape, rectify):
    arguments = [tensor.requires_grad_() for tensor in inputs(shape)]
    expected = reference(*arguments, eps=1e-5, rectify=rectify)
    found = rms_norm(*arguments, eps=1e-5, rectify=rectify)
    torch.testing.assert_close(found, expected)

    pull = torch.randn(shape, generator=torch.Generator().manual_seed(1)).double()
    for one, other in zip(
        torch.autograd.grad(found, arguments, pull),
        torch.autograd.grad(expected, arguments, pull),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_zero_vector_stays_zero_and_pulls_finitely():
    x = torch.zeros(2, 8, requires_grad=True)
    y = rms_norm(x, torch.ones(8), eps=1e-5)
    y.sum().backward()
    assert not y.any()
    assert x.grad.isfinite().all()


def test_half_precision_is_computed_in_single():
    x, weight = inputs((4, 32), torch.float32)
    half = rms_norm(x.bfloat16(), weight, eps=1e-5)
    exact = nnf.rms_norm(x.bfloat16().float(), (32,), weight, 1e-5)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half, exact.bfloat16())
