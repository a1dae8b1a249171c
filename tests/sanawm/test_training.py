"""The loop that both networks share: budgets, optimisers, averages, states, journal, presets."""

import csv
import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sanawm.errors import InvalidRequestError
from sanawm.training import budget as budget_module
from sanawm.training import journal as journal_module
from sanawm.training import stage as stage_module
from sanawm.training.budget import FINAL_FRACTION, WARMUP_STEPS, Budget, parse_duration
from sanawm.training.checkpoint import load_state, save_state
from sanawm.training.journal import Journal
from sanawm.training.optimizers import (
    MovingAverage,
    Muon,
    Optimizers,
    ParameterGroup,
    orthogonalise,
)
from sanawm.training.presets import PRESETS
from sanawm.training.publish import make_card
from sanawm.training.stage import Stage, StageSettings
from sanawm.training.train_world_model import batch_of, sample_length


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (budget_module, stage_module, journal_module):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("25m", 1500), ("1.5h", 5400), ("1h30m", 5400), (" 2M ", 120), ("1h1m1s", 3661)],
)
def test_durations_are_read_as_people_write_them(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "25", "m", "25 min", "-3m", "1h,30m", "ten minutes"])
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(InvalidRequestError, match="Write 90s, 25m or 1h30m"):
        parse_duration(text)


def test_a_budget_counts_the_time_of_earlier_runs(clock):
    budget = Budget(100, spent_s=30)
    clock.now += 20
    assert budget.spent_s == 50
    assert budget.fraction == 0.5
    assert not budget.is_over
    clock.now += 60
    assert budget.fraction == 1
    assert budget.is_over
    assert Budget(0).is_over


def test_the_learning_rate_warms_up_by_steps_and_falls_by_time(clock):
    budget = Budget(100)
    warming = [budget.learning_rate_scale(step) for step in range(WARMUP_STEPS)]
    assert warming[0] == pytest.approx(1 / WARMUP_STEPS)
    assert warming == sorted(warming)
    assert warming[-1] == 1
    falling = []
    for _ in range(11):
        falling.append(budget.learning_rate_scale(10_000))
        clock.now += 10
    assert falling == sorted(falling, reverse=True)
    assert falling[0] == 1
    assert falling[5] == pytest.approx((1 + FINAL_FRACTION) / 2)
    assert falling[10] == pytest.approx(FINAL_FRACTION)


@pytest.mark.parametrize("shape", [(3, 24, 64), (2, 64, 24), (2, 32, 32), (1, 160, 16)])
def test_muons_directions_are_nearly_orthogonal_along_the_same_singular_vectors(shape):
    generator = torch.Generator().manual_seed(0)
    u, _, vh = torch.linalg.svd(
        torch.randn(shape, generator=generator, dtype=torch.float64), full_matrices=False
    )
    spread = torch.logspace(0, -1.5, u.shape[-1], dtype=torch.float64)
    found = orthogonalise(((u * spread) @ vh).float()).double()
    inside = u.mT @ found @ vh.mT
    gains = inside.diagonal(dim1=1, dim2=2)
    assert gains.min() > 0.6
    assert gains.max() < 1.25
    assert (inside - torch.diag_embed(gains)).abs().max() < 1e-4
    torch.testing.assert_close((u * gains[:, None]) @ vh, found, rtol=0, atol=1e-4)


def test_muon_moves_all_matrices_by_the_learning_rate_whatever_their_gradient():
    torch.manual_seed(0)
    small, large = (nn.Parameter(torch.zeros(16, 8, 3, 1)) for _ in range(2))
    idle = nn.Parameter(torch.ones(4, 4))
    small.grad = 1e-4 * torch.randn(16, 8, 3, 1)
    large.grad = 1e6 * small.grad
    Muon([small, large, idle], lr=0.1).step()
    torch.testing.assert_close(small, large, rtol=0, atol=2e-4)
    gains = torch.linalg.svdvals(small.detach().flatten(1))
    assert 0.05 < gains.min() < gains.max() < 0.13
    assert (small * small.grad).sum() < 0  # downhill
    assert torch.equal(idle, torch.ones(4, 4))


def test_muon_finds_the_minimum_that_its_momentum_leads_to():
    torch.manual_seed(0)
    goal = torch.randn(12, 20)
    weight = nn.Parameter(torch.zeros(12, 20))
    muon = Muon([weight], lr=0.05)
    for step in range(400):
        muon.param_groups[0]["lr"] = 0.05 * (1 - step / 400)
        weight.grad = weight.detach() - goal
        muon.step()
    assert (weight - goal).norm() < 0.03 * goal.norm()


def make_optimizers(module, rate=0.05):
    groups = [
        ParameterGroup(parameters=[module.weight], rate=rate, is_muon=True),
        ParameterGroup(parameters=[module.bias], rate=rate / 10),
    ]
    return Optimizers(groups)


def test_rates_are_shares_of_the_peaks_given_now_also_after_a_resume():
    module = nn.Linear(8, 4)
    optimizers = make_optimizers(module, rate=0.5)
    module(torch.ones(2, 8)).sum().backward()
    optimizers.step(0.1)
    assert module.weight.grad is None
    state = optimizers.state_dict()
    assert [group["param_groups"][0]["lr"] for group in state] == pytest.approx([0.05, 0.005])
    resumed = make_optimizers(module, rate=0.2)
    resumed.load_state_dict(state)
    module(torch.ones(2, 8)).sum().backward()
    resumed.step(0.5)
    rates = [group["param_groups"][0]["lr"] for group in resumed.state_dict()]
    assert rates == pytest.approx([0.1, 0.01])


def test_an_average_follows_fast_at_first_and_slowly_in_the_end():
    module = nn.Linear(3, 3)
    average = MovingAverage(module, decay=0.99)

    def share_of_new(step):
        before = average.weights["weight"].clone()
        with torch.no_grad():
            module.weight.copy_(before + 1)
        average.update(module, step)
        return float((average.weights["weight"] - before).mean())

    assert share_of_new(0) == pytest.approx(0.9, abs=1e-5)
    assert share_of_new(10) == pytest.approx(9 / 20, abs=1e-5)
    assert share_of_new(100_000) == pytest.approx(0.01, abs=1e-5)


def test_an_average_of_weights_that_stay_is_those_weights():
    module = nn.BatchNorm1d(3)  # has a counter, which is no average of anything
    average = MovingAverage(module, decay=0.99)
    module(torch.randn(4, 3))
    for step in range(300):
        average.update(module, step)
    torch.testing.assert_close(average.weights["running_mean"], module.running_mean)
    assert average.weights["num_batches_tracked"] == 1


def test_a_state_that_could_not_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    file = tmp_path / "run" / "stage.pt"
    assert load_state(file) is None
    save_state(file, step=3, weights={"a": torch.ones(2)})

    def break_off(state, path):
        path.write_bytes(b"half a sta")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", break_off)
    with pytest.raises(OSError, match="disk full"):
        save_state(file, step=4)
    assert load_state(file)["step"] == 3
    assert list(file.parent.iterdir()) == [file]


class Toy:
    """A stage that fits a linear map; every step takes 10 seconds of a budget."""

    def __init__(self, folder, clock, total_s=1000.0):
        torch.manual_seed(0)
        self.clock = clock
        self.module = nn.Linear(6, 5)
        settings = StageSettings(name="toy", folder=folder, total_s=total_s, ema_decay=0.9)
        self.stage = Stage(self.module, make_optimizers(self.module, rate=0.2), settings)
        self.goal = torch.randn(5, 6, generator=torch.Generator().manual_seed(5))
        self.rates, self.judged = [], []
        self.killed_at = None

    def loss(self):
        if self.stage.step == self.killed_at:
            raise KeyboardInterrupt
        self.clock.now += 10
        self.rates.append(self.stage.budget.learning_rate_scale(10_000))
        return (self.module.weight - self.goal).square().sum() + self.module.bias.square().sum()

    def judge(self, module):
        assert module is not self.module
        self.judged.append((self.stage.step, module.training))
        return {"error": (module.weight - self.goal).norm().item()}

    def run(self):
        self.stage.run(self.loss, self.judge)
        return self


def test_a_stage_uses_its_time_and_ends_with_a_decayed_rate(clock, tmp_path):
    toy = Toy(tmp_path, clock).run()
    assert toy.stage.step == 100
    assert toy.rates[0] > 0.99
    assert toy.rates[-1] == pytest.approx(FINAL_FRACTION)
    assert toy.judged == [(100, False)]
    assert not toy.module.training
    saved = load_state(tmp_path / "toy.pt")
    assert saved["step"] == 100
    assert torch.equal(toy.module.weight, saved["average"]["weight"])
    assert not torch.equal(toy.module.weight, saved["weights"]["weight"])


def test_a_killed_stage_goes_on_as_if_nothing_had_happened(clock, tmp_path):
    whole = Toy(tmp_path / "whole", clock).run()
    killed = Toy(tmp_path / "killed", clock)
    killed.killed_at = 44
    with pytest.raises(KeyboardInterrupt):
        killed.run()
    saved = load_state(tmp_path / "killed" / "toy.pt")["step"]
    assert 44 - 13 <= saved < 44  # at most two minutes are lost
    resumed = Toy(tmp_path / "killed", clock)
    assert resumed.stage.step == saved
    assert resumed.stage.budget.spent_s == 10 * saved
    resumed.run()
    assert resumed.stage.step == 100
    assert torch.equal(resumed.module.weight, whole.module.weight)
    assert resumed.rates == whole.rates[saved:]


def test_a_stage_that_is_over_trains_no_more_and_goes_on_with_a_longer_budget(clock, tmp_path):
    first = Toy(tmp_path, clock).run()
    again = Toy(tmp_path, clock).run()
    assert again.stage.step == 100
    assert not again.rates
    assert torch.equal(again.module.weight, first.module.weight)
    longer = Toy(tmp_path, clock, total_s=1500).run()
    assert longer.stage.step == 150


def test_random_draws_go_on_where_they_were_and_are_not_repeated(clock, tmp_path):
    def draws():
        stage = Toy(tmp_path, clock).stage
        return torch.rand(3, generator=stage.generator), torch.rand(3)

    first, noise = draws()
    assert torch.equal(draws()[0], first)
    Toy(tmp_path, clock).run()
    later, later_noise = draws()
    assert not torch.equal(later, first)
    assert not torch.equal(later_noise, noise)


def test_losses_are_written_as_a_table_and_as_a_curve(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(stage_module, "JUDGE_EVERY", 30)
    toy = Toy(tmp_path, clock).run()
    assert [step for step, _ in toy.judged] == [30, 60, 90, 100]
    with (tmp_path / "toy.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [int(row["step"]) for row in rows] == [30, 60, 90, 100]
    assert [float(row["seconds"]) for row in rows] == [300, 600, 900, 1000]
    errors = [float(row["error"]) for row in rows]
    assert errors[-1] < 0.3 * errors[0]
    assert set(rows[0]) == {"step", "seconds", "loss", "error"}
    assert (tmp_path / "toy.png").read_bytes().startswith(b"\x89PNG")


def test_a_terminal_sees_a_line_that_moves_and_a_log_only_lines_that_stay(
    clock, tmp_path, monkeypatch
):
    def shown(is_terminal):
        stream = io.StringIO()
        stream.isatty = lambda: is_terminal
        monkeypatch.setattr("sys.stderr", stream)
        journal = Journal(tmp_path, "toy")
        for step in range(4):
            journal.show_running(step / 4, f"step {step}")
            clock.now += 0.6
        journal.show(1.0, "done")
        return stream.getvalue()

    assert shown(is_terminal=False).count("\n") == 1
    text = shown(is_terminal=True)
    assert text.count("\r") == 3  # steps 0 and 2, a second apart, and the end
    assert "step 2" in text
    assert "step 1" not in text
    assert text.endswith("100%  done\n")


def test_the_shortest_clips_come_first_and_then_all_lengths_by_their_shares():
    preset = replace(
        PRESETS["cpu"],
        lengths=(9, 17, 33),
        length_shares=(0.2, 0.5, 0.3),
        short_share=0.4,
        num_frames=17,
    )
    generator = torch.Generator().manual_seed(0)
    early = {sample_length(preset, 0.39, generator) for _ in range(50)}
    later = [sample_length(preset, 0.4, generator) for _ in range(3000)]
    assert early == {9}
    shares = [later.count(length) / 3000 for length in preset.lengths]
    np.testing.assert_allclose(shares, preset.length_shares, atol=0.04)


def test_batches_hold_about_as_many_frames_whatever_their_length():
    preset = replace(PRESETS["cpu"], num_frames=17, transformer_batch=8)
    assert [batch_of(preset, frames) for frames in (9, 17, 33, 65, 999)] == [15, 8, 4, 2, 1]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_fit_together(name):
    preset = PRESETS[name]
    card = make_card(preset)  # refuses lengths and sizes that no autoencoder could make
    assert set(preset.lengths) <= set(card.lengths)
    assert preset.transformer.in_channels == card.latent_channels
    assert preset.transformer.chunk_plucker_channels == 6 * card.temporal_stride
    assert preset.transformer.caption_channels == preset.text.hidden_size
    assert sum(preset.length_shares) == pytest.approx(1)
    assert len(preset.length_shares) == len(preset.lengths)
    assert preset.autoencoder_frames <= max(preset.lengths)
    assert preset.first_clips <= preset.num_clips
