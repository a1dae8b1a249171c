"""The limit and its written gradient must be the definition's, and keep its promise."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels.limit_length import limit_length
from kernels.limit_length.reference import limit_length as reference

SHAPES = [(1, 4), (5, 3, 24), (2, 3, 7, 2, 32)]


def inputs(shape, growth=2.0):
    generator = torch.Generator().manual_seed(0)
    original = 0.02 * torch.randn(shape, generator=generator, dtype=torch.float64)
    change = torch.randn(shape, generator=generator, dtype=torch.float64)
    return (growth * original * change).requires_grad_(), original.requires_grad_()


@pytest.mark.parametrize("limit", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_are_those_of_the_definition(shape, limit):
    arguments = inputs(shape)
    expected = reference(*arguments, limit=limit)
    found = limit_length(*arguments, limit=limit)
    generator = torch.Generator().manual_seed(1)
    pulls = [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    for one, other in zip(
        torch.autograd.grad(found, arguments, pulls),
        torch.autograd.grad(expected, arguments, pulls),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@given(growth=st.floats(0, 1e4))
def test_no_vector_is_longer_than_the_limit_allows(growth):
    mapped, original = inputs((4, 16), growth)
    limited, _ = limit_length(mapped, original, limit=True)
    reached = limited.square().mean(-1)
    assert (reached <= original.square().mean(-1) + 1e-6).all()
    shorter = mapped.square().mean(-1) <= original.square().mean(-1)
    torch.testing.assert_close(limited[shorter], mapped[shorter], rtol=0, atol=0)


@pytest.mark.parametrize("limit", [True, False])
def test_zero_vectors_stay_zero_and_pull_finitely(limit):
    arguments = [torch.zeros(3, 8, requires_grad=True) for _ in range(2)]
    limited, growth = limit_length(*arguments, limit=limit)
    (limited.sum() + growth.sum()).backward()
    assert not limited.any()
    torch.testing.assert_close(growth, torch.ones(3))
    assert all(x.grad.isfinite().all() for x in arguments)
