"""A video that is watched while it is made: what is on the disk so far must play."""

import io

import av
import numpy as np
import pytest

from sanawm.live_video import LiveWriter, codec_of, live_writer


def grey(number, size=(48, 80)):
    return np.full((*size, 3), 10 * number, np.uint8)


def shades_in(content):
    with av.open(io.BytesIO(content)) as container:
        return [
            round(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)
        ]


def test_every_frame_can_be_seen_once_it_is_added(tmp_path):
    file = tmp_path / "live.mp4"
    with live_writer(file, 8) as writer:
        for number in range(1, 20):
            writer.add(grey(number))
            shades = shades_in(file.read_bytes())
            assert len(shades) >= number - 1  # the muxer holds back one, to know how long it lasts
            assert shades == pytest.approx([10 * n for n in range(1, len(shades) + 1)], abs=3)
    assert len(shades_in(file.read_bytes())) == 19


def test_what_was_written_is_never_written_anew(tmp_path):
    """A browser has it already: the file only grows."""
    file = tmp_path / "live.mp4"
    writer = LiveWriter(file, 8)
    seen = b""
    for number in range(12):
        writer.add(grey(number))
        content = file.read_bytes()
        assert content.startswith(seen)
        seen = content
    writer.close()
    assert file.read_bytes().startswith(seen)


def test_frames_come_at_the_models_pace(tmp_path):
    file = tmp_path / "live.mp4"
    with live_writer(file, 8) as writer:
        for number in range(16):
            writer.add(grey(number))
    with av.open(str(file)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert np.diff(times) == pytest.approx(1 / 8)


@pytest.mark.parametrize("size", [(48, 80), (704, 1280)], ids=str)
def test_the_file_names_its_codec_as_a_browser_wants_it(tmp_path, size):
    file = tmp_path / "live.mp4"
    writer = LiveWriter(file, 16)
    assert writer.codec() == ""
    for number in range(2):
        writer.add(grey(number, size))
    codec = writer.codec()
    writer.close()
    assert codec == codec_of(file.read_bytes())
    assert codec.startswith("avc1.6400")  # High profile, without constraints
    assert int(codec[-2:], 16) <= 40  # up to level 4.0, which every browser's decoder takes


def test_nobody_watching_is_no_file(tmp_path):
    with live_writer(None, 8) as writer:
        assert writer is None
    assert codec_of(b"no video at all") == ""
