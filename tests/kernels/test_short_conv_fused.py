"""The Triton kernel must give the definition's numbers, compiled or interpreted."""

import pytest
import torch

from kernels.short_conv.reference import short_conv as reference

fused = pytest.importorskip("kernels.short_conv.fused", exc_type=ImportError)

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
SHAPES = [
    (1, 1, 1, 1),
    (2, 3, 5, 7),
    (1, 5, 4, 112),
    (2, 9, 6, 257),
]  # one, odd, real, past a block


def inputs(shape, dtype, device):
    generator = torch.Generator().manual_seed(0)
    x_BTSC = torch.randn(shape, generator=generator).to(device, dtype)
    weight_C1J = torch.randn(shape[-1], 1, 4, generator=generator).to(device, dtype)
    return x_BTSC, weight_C1J


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_kernel_is_the_definition(shape, dtype, device):
    x_BTSC, weight_C1J = inputs(shape, dtype, device)
    found = fused.convolve(x_BTSC, weight_C1J.squeeze(1).flip(-1).T)
    expected = reference(x_BTSC.float(), weight_C1J.float())
    assert found.dtype == dtype
    torch.testing.assert_close(
        found.float(), expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
    )


def test_a_slice_of_a_wider_tensor_may_be_given(device):
    wide_BTSC, weight_C1J = inputs((1, 4, 3, 24), torch.float32, device)
    slice_BTSC, weight_C1J = wide_BTSC[..., 8:16], weight_C1J[8:16]
    found = fused.convolve(slice_BTSC, weight_C1J.squeeze(1).flip(-1).T)
    torch.testing.assert_close(found, reference(slice_BTSC, weight_C1J))


@pytest.mark.parametrize("chunks", [(4, 3), (1, 5, 1)], ids=str)
@pytest.mark.parametrize("begun", [False, True], ids=["at the start", "with frames before"])
def test_chunks_end_where_the_definition_ends_them(chunks, begun, device):
    x_BTSC, weight_C1J = inputs((2, 7, 3, 40), torch.float32, device)
    before = x_BTSC.flip(1)[:, :3] if begun else None
    taps = weight_C1J.squeeze(1).flip(-1).T
    ends = [sum(chunks[: i + 1]) for i, size in enumerate(chunks) for _ in range(size)]
    found = fused.convolve(x_BTSC, taps, before=before, ends=ends)
    torch.testing.assert_close(found, reference(x_BTSC, weight_C1J, chunks, before))


def test_the_gradients_kernel_is_the_definitions_gradient(device):
    x_BTSC, weight_C1J = inputs((2, 7, 3, 40), torch.float32, device)
    pull = torch.ones_like(x_BTSC).cumsum(1)
    x_BTSC.requires_grad_()
    (expected,) = torch.autograd.grad(reference(x_BTSC, weight_C1J, (4, 3)), x_BTSC, pull)
    taps = weight_C1J.squeeze(1).flip(-1).T
    found = fused.convolve(pull, taps, begins=[0] * 4 + [4] * 3)
    torch.testing.assert_close(found, expected)
