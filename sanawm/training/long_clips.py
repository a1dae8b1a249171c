"""How a streaming model holds out: clips far longer than it was trained on, against their truth.

Beside likeness to the truth, three ratios to it tell how a clip goes wrong: brightness, contrast
(how far pixels are from their mean) and sharpness (how far from their neighbours). 1 is as in the
truth; grey fog has no contrast, and a picture that burns out has too much.

Videos are (B, F, 3, H, W) in [-1, 1].
"""

from dataclasses import replace

from torch import Tensor

from sanawm.training.metrics import psnr
from sanawm.training.rollout import Rollout
from sanawm.training.truth import held_out_worlds

WORLDS = 16
SECONDS = (1, 3, 6, 12, 18, 24, 30)

LongFigures = dict[str, dict[str, float]]


def long_figures(model: Rollout) -> LongFigures:
    """By second: PSNR of model, copied first frame and autoencoder, and the model's ratios."""
    card = replace(model.card, num_frames=model.card.lengths[-1])
    truth = held_out_worlds(card, WORLDS)
    drawn = model.draw(truth.shots(truth.c2w_BF44))
    reconstructed = model.reconstruct(truth.video_BFCHW)
    table = {}
    for second in SECONDS:
        frame = round(second * card.fps)
        if frame >= card.num_frames:
            break
        true, picture = truth.video_BFCHW[:, frame], drawn[:, frame]
        table[str(second)] = {
            "model": _mean(psnr(picture, true)),
            "copied first frame": _mean(psnr(truth.first_frames, true)),
            "autoencoder": _mean(psnr(reconstructed[:, frame], true)),
            "brightness": _mean(picture + 1) / _mean(true + 1),
            "contrast": _contrast(picture) / _contrast(true),
            "sharpness": _sharpness(picture) / _sharpness(true),
        }
    return table


def long_lines(table: LongFigures) -> list[str]:
    """The figures as Markdown, a row for each second."""
    names = list(next(iter(table.values())))
    lines = [f"| seconds | {' | '.join(names)} |", f"|--:|{'--:|' * len(names)}"]
    for second, figures in table.items():
        lines.append(f"| {second} | {' | '.join(f'{figures[name]:.2f}' for name in names)} |")
    return lines


def _mean(values: Tensor) -> float:
    return float(values.mean())


def _contrast(pictures_B3HW: Tensor) -> float:
    return _mean(pictures_B3HW.flatten(1).std(dim=1))


def _sharpness(pictures_B3HW: Tensor) -> float:
    return _mean(pictures_B3HW.diff(dim=3).abs()) + _mean(pictures_B3HW.diff(dim=2).abs())
