"""Judging clips far longer than a model was trained on."""

from dataclasses import replace

import pytest
import torch

from sanawm.training.long_clips import long_figures, long_lines
from sanawm.training.rollout import open_rollout


class Perfect:
    """Draws what is true, or fades to grey from the middle on."""

    def __init__(self, card, *, fades):
        self.card, self._fades = card, fades

    def draw(self, shots):
        from sanawm.training.truth import held_out_worlds

        video = held_out_worlds(self.card, len(shots.captions)).video_BFCHW.clone()
        if self._fades:
            video[:, video.shape[1] // 2 :] = 0
        return video

    def reconstruct(self, video):
        return video


@pytest.fixture(scope="module")
def card(tiny_model_folder):
    card = open_rollout(tiny_model_folder).card
    return replace(card, streaming=True, sigmas=(1.0, 0.5), lengths=(13, 25), num_frames=25)


def test_a_model_that_draws_the_truth_has_no_error_and_its_light(card):
    table = long_figures(Perfect(card, fades=False))
    assert list(table) == ["1", "3"][: len(table)]
    for figures in table.values():
        assert figures["model"] == figures["autoencoder"] > figures["copied first frame"]
        for name in ("brightness", "contrast", "sharpness"):
            assert figures[name] == pytest.approx(1)


def test_a_clip_that_fades_to_grey_shows_in_contrast_and_sharpness(card):
    figures = long_figures(Perfect(card, fades=True))
    last = figures[max(figures, key=int)]
    assert last["contrast"] == last["sharpness"] == 0
    assert torch.isfinite(torch.tensor(list(last.values()))).all()
    assert len(long_lines(figures)) == 2 + len(figures)
