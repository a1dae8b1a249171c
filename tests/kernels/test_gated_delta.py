"""The scan of both directions must answer and pull exactly as the frame-by-frame definition."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels.gated_delta import gated_delta, gated_delta_chunks
from kernels.gated_delta.reference import gated_delta as reference

SHAPES = [  # batch, frames, tokens, heads, key channels, value channels
    (1, 1, 1, 1, 1, 1),
    (2, 1, 6, 3, 8, 8),
    (1, 2, 5, 2, 4, 3),
    (2, 5, 7, 3, 8, 1),
    (1, 21, 12, 2, 24, 24),
]


def inputs(shape, seed=0):
    batch, frames, tokens, heads, keys, values = shape
    generator = torch.Generator().manual_seed(seed)

    def draw(*size):
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    key = draw(batch, frames, tokens, heads, keys) * (keys * tokens) ** -0.5
    query = draw(batch, frames, tokens, heads, keys)
    value = draw(batch, frames, tokens, heads, values)
    return (
        query,
        key,
        value,
        draw(batch, frames, tokens, heads).sigmoid(),
        draw(batch, frames, heads).sigmoid(),
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fast_path_answers_as_the_definition(shape):
    arguments = inputs(shape)
    torch.testing.assert_close(
        gated_delta(*arguments), reference(*arguments)[0], rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_written_gradient_is_that_of_the_definition(shape):
    arguments = [tensor.requires_grad_() for tensor in inputs(shape)]
    answer, _ = reference(*arguments)
    pull = torch.randn(answer.shape, generator=torch.Generator().manual_seed(1)).double()
    expected = torch.autograd.grad(answer, arguments, pull)
    found = torch.autograd.grad(gated_delta(*arguments), arguments, pull)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@given(order=st.permutations(range(5)))
def test_the_order_of_a_frames_tokens_does_not_matter(order):
    """A frame is written at once, so no token comes before another."""
    query, key, value, beta, decay = inputs((1, 3, 5, 2, 4, 4))
    shuffled = (x[:, :, list(order)] for x in (key, value, beta))
    answer = gated_delta(query, *shuffled, decay)
    torch.testing.assert_close(answer, gated_delta(query, key, value, beta, decay))


def test_values_are_recalled_by_their_keys():
    """Keys that do not overlap, written at full strength, are answered by their own values."""
    _, _, value, beta, decay = inputs((1, 1, 4, 1, 4, 3))
    key = torch.eye(4, dtype=torch.float64).view(1, 1, 4, 1, 4)
    answer = gated_delta(key, key, value, torch.ones_like(beta), decay)
    torch.testing.assert_close(answer, value)


def test_writing_a_frame_twice_changes_nothing():
    """What the memory already answers is not added again: that is the delta in the rule."""
    _, _, value, beta, decay = (torch.cat((x, x), dim=1) for x in inputs((1, 1, 4, 1, 4, 3)))
    key = torch.eye(4, dtype=torch.float64).view(1, 1, 4, 1, 4).repeat(1, 2, 1, 1, 1)
    beta, decay = torch.ones_like(beta), torch.ones_like(decay)
    answer = gated_delta(key, key, value, beta, decay)
    torch.testing.assert_close(answer[:, 1], value[:, 1])


def test_a_decay_of_zero_leaves_the_frame_and_the_next_one():
    query, key, value, beta, decay = inputs((1, 4, 5, 2, 4, 4))
    answer = gated_delta(query, key, value, beta, torch.zeros_like(decay))
    last = gated_delta(*(x[:, 3:] for x in (query, key, value, beta, decay)))
    torch.testing.assert_close(answer[:, 3:], last)


def test_nothing_written_is_nothing_answered():
    query, key, value, beta, decay = inputs((1, 3, 5, 2, 4, 4))
    answer = gated_delta(query, key, value, torch.zeros_like(beta), decay)
    assert not answer.any()


CHUNKS = [(5,), (1, 4), (3, 2), (2, 1, 2), (1, 1, 1, 1, 1)]


def memory_for(shape):
    batch, _, _, heads, keys, values = shape
    generator = torch.Generator().manual_seed(2)
    return torch.randn(batch, heads, keys, values, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@pytest.mark.parametrize("begun", [False, True], ids=["at the start", "with a memory"])
def test_chunks_are_read_and_pulled_as_the_definition_says(chunks, begun):
    shape = (2, 5, 7, 3, 8, 4)
    arguments = [tensor.requires_grad_() for tensor in inputs(shape)]
    memory = memory_for(shape) if begun else None
    expected, expected_memory = reference(*arguments, chunks, memory)
    found, found_memory = gated_delta_chunks(*arguments, chunks, memory)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found_memory, expected_memory, rtol=1e-12, atol=1e-12)

    pull = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1)).double()
    wanted = torch.autograd.grad(expected, arguments, pull)
    for one, other in zip(torch.autograd.grad(found, arguments, pull), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_chunks_in_one_call_and_one_after_the_other_answer_the_same():
    arguments = inputs((2, 9, 6, 2, 8, 8))
    at_once, _ = gated_delta_chunks(*arguments, (4, 3, 2))
    memory, answers = None, []
    for begin, end in ((0, 4), (4, 7), (7, 9)):
        chunk = [x[:, begin:end] for x in arguments]
        answer, memory = gated_delta_chunks(*chunk, (end - begin,), memory)
        answers.append(answer)
    torch.testing.assert_close(torch.cat(answers, dim=1), at_once, rtol=1e-12, atol=1e-12)
