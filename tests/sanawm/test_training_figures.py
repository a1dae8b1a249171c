"""What the report says of models that are perfect, that stand still, or that mirror."""

from dataclasses import replace

import pytest
import torch

from sanawm.card import ModelCard
from sanawm.errors import InvalidRequestError
from sanawm.training.evaluate import evaluate, format_table
from sanawm.training.figures import (
    Footage,
    control_figures,
    left_turn,
    loop_figures,
    picture_figures,
    pose_figures,
    share,
    still_figures,
    turn_figures,
)
from sanawm.training.metrics import MAX_PSNR
from sanawm.training.truth import FIRST_SEED, held_out_worlds, mirrored_truth

CARD = ModelCard(
    fps=4,
    height=24,
    width=40,
    lengths=(9,),
    num_frames=9,
    spatial_stride=8,
    temporal_stride=4,
    latent_channels=8,
    rotation_degrees=6.0,
)
WORLDS = 4


@pytest.fixture(scope="module")
def truth():
    """Four worlds: two whose cameras turn, one that walks straight on, one that stands still."""
    truth = held_out_worlds(CARD, WORLDS)
    poses = torch.eye(4).repeat(WORLDS, 9, 1, 1)
    poses[0] = left_turn(9, 2.2)
    poses[1] = left_turn(9, -2.5)
    poses[2, :, 2, 3] = torch.arange(9) * 0.06
    return truth.along(poses)


@pytest.fixture(scope="module")
def perfect(truth):
    """A model that draws the truth along every camera."""
    other = mirrored_truth(truth)
    still = truth.video_BFCHW[:, :1].expand_as(truth.video_BFCHW)
    return Footage(
        card=CARD,
        truth=truth,
        mirrored=other,
        drawn=truth.video_BFCHW,
        drawn_mirrored=other.video_BFCHW,
        drawn_frozen=still,
        drawn_shuffled=truth.along(truth.c2w_BF44.roll(1, dims=0)).video_BFCHW,
        reconstructed=(truth.video_BFCHW + 0.02).clamp(-1, 1),
        clear_B=truth.is_clear() & other.is_clear(),
    )


class Filming:
    """Draws what is true, if it is asked along the true camera of a world it knows."""

    def __init__(self, truth):
        self.truth = truth

    def draw(self, shots):
        return self.truth.along(shots.c2w_BF44).video_BFCHW


class Standing:
    """Repeats the first frame."""

    def draw(self, shots):
        first = shots.first_B3HW[:, None]
        return first.expand(-1, shots.c2w_BF44.shape[1], -1, -1, -1)


def standing(perfect):
    still = perfect.drawn_frozen
    return replace(
        perfect, drawn=still, drawn_mirrored=still, drawn_shuffled=still, reconstructed=still
    )


def mirroring(perfect):
    return replace(perfect, drawn=perfect.drawn_mirrored, drawn_mirrored=perfect.drawn)


def test_worlds_that_are_judged_are_not_those_that_training_watches(truth):
    assert truth.seeds == list(range(FIRST_SEED, FIRST_SEED + WORLDS))
    assert FIRST_SEED >= 64  # held-out clips of the largest preset


def test_only_worlds_that_turn_or_go_sideways_can_tell_left_from_right(perfect):
    assert perfect.informative(8).tolist() == [True, True, False, False]
    assert not perfect.informative(0).any()
    blocked = replace(perfect, clear_B=torch.tensor([True, False, True, True]))
    assert blocked.informative(8).tolist() == [True, False, False, False]


def test_a_camera_has_moved_if_it_turned_or_went_somewhere(truth):
    assert truth.has_moved(8).tolist() == [True, True, True, False]
    assert truth.has_moved(1).tolist() == [True, True, False, False]


def test_a_path_through_a_wall_or_an_object_is_not_clear(truth):
    assert truth.is_clear().all()
    away = truth.c2w_BF44.clone()
    away[1, 5:, 2, 3] += 500.0
    assert replace(truth, c2w_BF44=away).is_clear().tolist() == [True, False, True, True]
    # Straight on into whatever is nearest before the camera, and half a metre further.
    ahead = truth.depth_BFHW[:, 0, 9:14, 19:22].flatten(1).amin(dim=1)
    reachable = ahead < 50
    assert reachable.any()
    through = torch.eye(4).repeat(WORLDS, 9, 1, 1)
    through[:, 8, 2, 3] = ahead + 0.5
    assert not replace(truth, c2w_BF44=through).is_clear()[reachable].any()


def test_pictures_of_a_perfect_model_equal_the_truth(perfect):
    table = picture_figures(perfect)
    assert set(table) == {"1s", "last"}
    everything, telling = table["last"]["all"], table["last"]["informative"]
    assert (everything["worlds"], telling["worlds"]) == (WORLDS, 2)
    for part in (everything, telling):
        rows = part["rows"]
        assert rows["model"]["psnr"] == rows["model"]["visible_psnr"] == MAX_PSNR
        assert rows["model"]["ssim"] == pytest.approx(1, abs=1e-5)
        assert rows["autoencoder"]["psnr"] == pytest.approx(40, abs=1)  # 0.02 of 2
        for name in ("copied first frame", "frozen camera", "mirrored camera", "shuffled camera"):
            assert rows[name]["visible_psnr"] < 30 or part is everything
    rows = telling["rows"]
    assert rows["homography"]["visible_psnr"] > rows["copied first frame"]["visible_psnr"] + 5
    for figure in ("psnr", "ssim"):  # beyond its border, frame 0 knows nothing
        assert rows["homography"][f"visible_{figure}"] > 1.1 * rows["homography"][figure]
    assert rows["copied first frame"]["psnr"] == pytest.approx(rows["frozen camera"]["psnr"])
    assert 0.5 < telling["visible"] < 0.9
    assert table["1s"]["informative"]["visible"] > telling["visible"]


def test_control_is_whole_for_a_perfect_model_none_for_one_that_mirrors(perfect):
    good = control_figures(perfect)
    assert good["mirrored"] == share(torch.ones(2), torch.ones(2, dtype=torch.bool))
    assert good["mirrored"]["share"] == good["frozen"]["share"] == 1
    assert good["frozen"]["worlds"] >= 2
    wrong = control_figures(mirroring(perfect))
    assert wrong["mirrored"]["share"] == 0
    assert control_figures(standing(perfect))["frozen"]["share"] == 0


def test_a_share_counts_worlds_not_decisions():
    scores = torch.tensor([1.0, 0.5, 0.0, 1.0])
    figure = share(scores, torch.tensor([True, True, True, False]))
    assert figure["share"] == 0.5
    assert figure["worlds"] == 3
    assert figure["low"] < 0.2 < 0.8 < figure["high"]
    nothing = share(scores, torch.zeros(4, dtype=torch.bool))
    assert nothing == {"share": None, "worlds": 0, "low": 0.0, "high": 1.0}


def test_a_still_camera_is_judged_by_the_first_frame(perfect):
    figures = still_figures(perfect)
    assert figures["1s"] == figures["last"] == MAX_PSNR
    assert figures["autoencoder"] == pytest.approx(40, abs=1)
    moving = still_figures(replace(perfect, drawn_frozen=perfect.drawn))
    assert moving["last"] < moving["1s"] < MAX_PSNR


def test_a_loop_ends_where_it_began(perfect, truth):
    figures = loop_figures(Filming(truth), perfect)
    assert figures["worlds"] == 3  # in the other, nothing moves
    assert figures["return"] == MAX_PSNR
    assert figures["copied at the turn"] < 30


def test_turning_left_moves_the_picture_right(perfect, truth):
    figures = turn_figures(Filming(truth), perfect)
    assert figures["picture moves right"]["share"] == 1
    assert figures["visible_psnr"] == MAX_PSNR
    assert 22 < figures["homography visible_psnr"] < MAX_PSNR
    still = turn_figures(Standing(), perfect)
    assert still["picture moves right"]["share"] == 0
    assert still["visible_psnr"] < figures["homography visible_psnr"]


def test_a_perfect_model_has_scale_one_and_one_that_stands_still_zero(perfect):
    few = replace(
        perfect,
        truth=replace(
            perfect.truth,
            seeds=perfect.truth.seeds[1:2] + perfect.truth.seeds[3:],
            video_BFCHW=perfect.truth.video_BFCHW[1::2],
            depth_BFHW=perfect.truth.depth_BFHW[1::2],
            c2w_BF44=perfect.truth.c2w_BF44[1::2],
            intrinsics_BF4=perfect.truth.intrinsics_BF4[1::2],
        ),
        drawn=perfect.drawn_frozen[1::2],
        reconstructed=perfect.reconstructed[1::2],
    )
    figures = pose_figures(few)  # a world that turned, and one that did not
    assert figures["worlds"] == 1
    assert figures["scale"] == pytest.approx(0, abs=1e-6)
    assert figures["rotation_degrees"] == pytest.approx(10, abs=1)
    assert figures["floor"]["scale"] == pytest.approx(1, abs=1e-6)
    assert figures["floor"]["rotation_degrees"] < 0.5
    assert figures["floor"]["translation_m"] < 0.06


def test_figures_about_no_world_are_left_open_in_the_table(perfect, truth):
    rows = {"model": dict.fromkeys(("psnr", "ssim", "visible_psnr", "visible_ssim"))}
    empty = {"worlds": 0, "visible": None, "rows": rows}
    nobody = share(torch.zeros(1), torch.zeros(1, dtype=torch.bool))
    nowhere = dict.fromkeys(("rotation_degrees", "translation_m", "scale"))
    report = {
        "worlds": 2,
        "pictures": {"1s": {"all": empty}},
        "control": {"mirrored": nobody, "frozen": nobody},
        "still": {"1s": 1.0, "last": 2.0, "autoencoder": 3.0},
        "loop": dict.fromkeys(("worlds", "return", "copied at the turn", "autoencoder")),
        "turn": {
            "picture moves right": nobody,
            "visible_psnr": None,
            "homography visible_psnr": None,
        },
        "pose": {"worlds": 0, **nowhere, "floor": nowhere},
    }
    text = format_table(report)
    assert "| 1s, all worlds (0), – % visible |" in text
    assert "| model | – | – | – | – |" in text
    assert "| control-ID, true against mirrored camera | 0 | – % (0.0 to 100.0) |" in text
    assert "1.00 / 2.00 (3.00) dB" in text


def test_one_world_is_too_few(tmp_path):
    with pytest.raises(InvalidRequestError, match="At least 2 worlds"):
        evaluate(tmp_path, num_worlds=1)
