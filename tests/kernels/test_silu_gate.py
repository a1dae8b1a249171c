"""The gate and its written gradient must be the definition's."""

import pytest
import torch

from kernels.silu_gate import silu_gate
from kernels.silu_gate.reference import silu_gate as reference


@pytest.mark.parametrize("shape", [(2,), (3, 14), (2, 5, 3, 64)], ids=str)
def test_value_and_gradient_are_those_of_the_definition(shape):
    generator = torch.Generator().manual_seed(0)
    x = 4 * torch.randn(shape, generator=generator, dtype=torch.float64)
    x.requires_grad_()
    expected, found = reference(x), silu_gate(x)
    torch.testing.assert_close(found, expected)

    pull = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    (expected_grad,) = torch.autograd.grad(expected, x, pull)
    (found_grad,) = torch.autograd.grad(found, x, pull)
    torch.testing.assert_close(found_grad, expected_grad)
