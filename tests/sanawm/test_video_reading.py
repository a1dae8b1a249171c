"""What is read from finished videos, and what is put together from them."""

import io

import av
import numpy as np
import pytest
from PIL import Image

from sanawm.errors import InvalidRequestError, SanaWMError
from sanawm.joining import join
from sanawm.stills import write_hover
from sanawm.video import read_tags, write_mp4
from sanawm.video_reading import compare_videos, frame_at, read_facts, read_frames


def numbered(count, start=0, height=64, width=128):
    """Grey frames with a bright bar that tells the frame's number by its place."""
    for index in range(start, start + count):
        frame = np.full((height, width, 3), (40, 60, 90), np.uint8)
        frame[index % height] = (250, 220, 40)
        frame[:, index // height * 8 : index // height * 8 + 8] = (20, 200, 120)
        yield frame


def number_of(frame):
    """The number of a `numbered` frame of the usual size."""
    bright = frame[:, :, 0].astype(int)
    green = frame[:, :, 1].astype(int) - frame[:, :, 0]
    return int(bright[:, 120:].sum(1).argmax()) + 64 * (int(green.sum(0).argmax()) // 8)


def written(path, frames, fps=8):
    write_mp4(frames, path, fps, {})
    return path


def test_a_joined_chain_shows_every_frame_once_and_in_order(tmp_path):
    """Three runs: the second goes on from frame 20 of the first, the third from 4 of the second."""
    files = [
        written(tmp_path / f"{index}.mp4", numbered(count, start))
        for index, (count, start) in enumerate([(33, 0), (17, 20), (9, 24)])
    ]

    join(
        [(files[0], 0, 20), (files[1], 1, 4), (files[2], 1, 8)],
        tmp_path / "chain.mp4",
        8,
        {"runs": [1, 2, 3]},
    )

    shown = list(read_frames(tmp_path / "chain.mp4"))
    assert [number_of(frame) for frame in shown] == list(range(33))
    for index, frame in enumerate(shown):
        original = next(numbered(1, index)).astype(float)
        assert np.sqrt(np.mean((frame - original) ** 2)) < 14  # one frame off is 28
    assert read_facts(tmp_path / "chain.mp4").fps == 8
    assert read_tags(tmp_path / "chain.mp4") == {"runs": [1, 2, 3]}


def test_what_cannot_be_joined_is_refused_and_leaves_nothing(tmp_path):
    small = written(tmp_path / "small.mp4", numbered(5))
    large = written(tmp_path / "large.mp4", numbered(5, height=96, width=160))

    for parts, words in (
        ([(small, 0, 4), (large, 0, 4)], "128 × 64 pixels and another 160 × 96"),
        ([(small, 0, 4), (small, 1, 6)], "2 frames too early"),
        ([(small, 0, 4), (tmp_path / "gone.mp4", 0, 4)], "missing or broken"),
    ):
        with pytest.raises(SanaWMError, match=words):
            join(parts, tmp_path / "chain.mp4", 8, {})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["large.mp4", "small.mp4"]


@pytest.mark.parametrize("fps", [8, 16, 23.976])
def test_any_frame_is_found_by_its_number(tmp_path, fps):
    """Longer than an encoder goes without a whole picture, so that seeking is needed."""
    file = written(tmp_path / "clip.mp4", numbered(530), fps)
    shown = list(read_frames(file))
    assert [number_of(frame) for frame in shown] == list(range(530))

    for index in (0, 1, 2, 249, 250, 251, 333, 499, 500, 501, 528, 529):
        picture = Image.open(io.BytesIO(frame_at(file, index)))
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        np.testing.assert_array_equal(np.asarray(picture), shown[index])


def test_a_frame_keeps_its_colours(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (40, 90, 200)]
    frames = [np.full((64, 128, 3), colour, np.uint8) for colour in colours]
    file = written(tmp_path / "clip.mp4", frames)

    for index, colour in enumerate(colours):
        picture = Image.open(io.BytesIO(frame_at(file, index)))
        assert picture.getpixel((64, 32)) == pytest.approx(colour, abs=4)


@pytest.mark.parametrize("index", [-1, 5])
def test_a_frame_that_is_not_there_is_refused_with_a_sentence(tmp_path, index):
    file = written(tmp_path / "clip.mp4", numbered(5))
    with pytest.raises(InvalidRequestError, match=f"frames 0 to 4, not {index}"):
        frame_at(file, index)


def test_a_broken_file_is_a_sentence(tmp_path):
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"not a video" * 100)
    for read in (
        lambda: list(read_frames(file)),
        lambda: frame_at(file, 0),
        lambda: compare_videos(file, file),
        lambda: read_facts(file),
    ):
        with pytest.raises(SanaWMError, match="missing or broken"):
            read()


def test_a_video_is_identical_to_itself_and_as_far_off_as_its_pixels_are(tmp_path):
    file = written(tmp_path / "one.mp4", numbered(12))
    other = written(tmp_path / "other.mp4", numbered(12, start=1))
    longer = written(tmp_path / "longer.mp4", numbered(13))

    same = compare_videos(file, file)
    assert (same.frames, same.identical, same.psnr, same.worst) == (12, True, None, 0)

    off = compare_videos(file, other)
    one, two = (np.stack(list(read_frames(video))).astype(float) for video in (file, other))
    assert (off.frames, off.identical) == (12, False)
    assert off.psnr == pytest.approx(10 * np.log10(255**2 / np.mean((one - two) ** 2)))
    assert off.worst == np.abs(one - two).max()
    assert compare_videos(other, file) == off

    cut = compare_videos(file, longer)
    assert (cut.frames, cut.identical) == (12, False)


def test_videos_of_two_sizes_are_not_compared(tmp_path):
    one = written(tmp_path / "one.mp4", numbered(5))
    other = written(tmp_path / "other.mp4", numbered(5, height=96, width=160))
    assert not compare_videos(one, other).identical
    assert compare_videos(one, other).frames == 0


def test_a_wide_video_gets_a_small_clip_as_long_as_itself(tmp_path):
    wide = written(tmp_path / "wide.mp4", numbered(97, height=270, width=600))

    assert write_hover(wide, tmp_path / "hover.mp4")

    facts = read_facts(tmp_path / "hover.mp4")
    assert (facts.width, facts.height) == (320, 144)
    assert facts.frames == 33
    assert facts.frames / facts.fps == pytest.approx(97 / 8, rel=0.03)
    with av.open(str(tmp_path / "hover.mp4")) as container:
        assert len(container.streams) == 1


def test_a_small_video_is_its_own_clip(tmp_path):
    small = written(tmp_path / "small.mp4", numbered(9))
    assert not write_hover(small, tmp_path / "hover.mp4")
    assert not (tmp_path / "hover.mp4").exists()
