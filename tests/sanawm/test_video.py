import io
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from sanawm.latent_preview import LatentPreview
from sanawm.stills import write_poster, write_thumbnail
from sanawm.video import even_sides, mp4_writer, read_tags, write_mp4

TAGS = {"prompt": 'ein "Fluß",\nzwei 😀', "seed": 7, "nested": {"a": [1, 2.5, None]}}


def moving_frames(count, height=96, width=160):
    """Soft colour waves that wander to the right."""
    y, x = np.mgrid[0:height, 0:width] / 24
    for index in range(count):
        waves = [np.sin(x - index / 4 + phase) * np.cos(y + phase) for phase in (0, 1, 2)]
        yield (127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def solid(colour, height=96, width=160):
    return np.broadcast_to(np.uint8(colour), (height, width, 3)).copy()


def decoded(path, **options):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(**options) for frame in container.decode(video=0)]


def psnr(got, expected):
    error = np.mean((np.float64(got) - np.float64(expected)) ** 2)
    return 10 * np.log10(255**2 / error)


def box_order(path):
    """Names of the top-level boxes of an mp4, read by their length fields."""
    data, names, position = path.read_bytes(), [], 0
    while position < len(data):
        names.append(data[position + 4 : position + 8].decode())
        position += int.from_bytes(data[position : position + 4], "big")
    return names


@pytest.mark.parametrize("fps", [8, 16, 23.976])
def test_a_written_video_plays_with_all_its_frames(tmp_path, fps):
    frames = list(moving_frames(11))
    write_mp4(iter(frames), tmp_path / "clip.mp4", fps, TAGS)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.frames) == (160, 96, 11)
        assert stream.average_rate == Fraction(fps).limit_denominator(1001)
        shown = list(container.decode(stream))
    assert [frame.time for frame in shown] == pytest.approx([i / fps for i in range(11)], abs=1e-3)
    assert all(
        psnr(frame.to_ndarray(format="rgb24"), original) > 35
        for frame, original in zip(shown, frames, strict=True)
    )


def test_the_index_stands_before_the_pictures(tmp_path):
    write_mp4(moving_frames(3), tmp_path / "clip.mp4", 8, {})
    names = box_order(tmp_path / "clip.mp4")
    assert names[0] == "ftyp"
    assert names.index("moov") < names.index("mdat")


@pytest.mark.parametrize(
    "colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255,) * 3, (0,) * 3, (40, 90, 200)]
)
def test_colours_are_bt709_in_limited_range_and_say_so(tmp_path, colour):
    write_mp4([solid(colour)] * 3, tmp_path / "clip.mp4", 8, {})
    with av.open(str(tmp_path / "clip.mp4")) as container:
        codec = container.streams.video[0].codec_context
        tags = codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range
        assert tags == (1, 1, 1, 1)
        planes = next(container.decode(video=0)).to_ndarray()
    red, green, blue = (value / 255 for value in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    expected = (
        16 + 219 * luma,
        128 + 224 * (blue - luma) / 1.8556,
        128 + 224 * (red - luma) / 1.5748,
    )
    found = planes[48, 80], planes[96 + 12, 40], planes[96 + 36, 40]
    assert found == pytest.approx(expected, abs=1.5)


def test_metadata_comes_back_equal_under_both_keys(tmp_path):
    write_mp4(moving_frames(2), tmp_path / "clip.mp4", 8, TAGS)
    assert read_tags(tmp_path / "clip.mp4") == TAGS
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.metadata["comment"] == container.metadata["wanderbook"]


def test_the_poses_of_a_minute_fit_into_the_metadata_and_much_more_is_refused(tmp_path):
    large = {"poses": list(range(30_000))}
    write_mp4(moving_frames(2), tmp_path / "clip.mp4", 8, large)
    assert read_tags(tmp_path / "clip.mp4") == large
    with pytest.raises(ValueError, match="262144"):
        write_mp4(moving_frames(2), tmp_path / "other.mp4", 8, {"x": "y" * 300_000})
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("text", ["", "[1]", "not json", "{" * 9, '{"a": "' + "x" * 270_000 + '"}'])
def test_foreign_metadata_is_no_metadata(tmp_path, text):
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        container.metadata["comment"] = text
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(solid(9, 64, 64), format="rgb24")))
        container.mux(stream.encode())
    assert read_tags(tmp_path / "clip.mp4") == {}


@pytest.mark.parametrize(
    ("drawn", "stored"),
    [
        ((48, 80), (192, 320)),
        ((64, 127), (192, 382)),
        ((72, 128), (72, 128)),
        ((97, 161), (98, 162)),
    ],
)
def test_small_and_odd_pictures_are_made_playable(tmp_path, drawn, stored):
    frames = list(moving_frames(4, *drawn))
    write_mp4(frames, tmp_path / "clip.mp4", 8, {})
    shown = decoded(tmp_path / "clip.mp4", format="rgb24")
    assert shown[0].shape == (*stored, 3)
    enlarged = Image.fromarray(frames[2]).resize(stored[::-1], Image.Resampling.BICUBIC)
    assert psnr(shown[2][8:-8, 8:-8], np.asarray(enlarged)[8:-8, 8:-8]) > 30


def test_an_odd_side_repeats_its_last_line():
    frame = next(moving_frames(1, 5, 7))
    even = even_sides(frame)
    assert even.shape == (6, 8, 3)
    assert np.array_equal(even[:5, :7], frame)
    assert np.array_equal(even[5, :7], frame[4])
    assert np.array_equal(even[:5, 7], frame[:, 6])


def test_the_same_frames_are_the_same_file_each_time(tmp_path):
    """Soft pictures with a little noise, enlarged: what an encoder once took differently."""
    random = np.random.default_rng(0)
    room = random.integers(60, 190, (32, 40, 3))
    noises = random.normal(0, 10, (25, 32, 40, 3))
    frames = [np.clip(room + noise, 0, 255).astype(np.uint8) for noise in noises]
    files = set()
    for _ in range(20):
        write_mp4(frames, tmp_path / "clip.mp4", 8, {})
        files.add((tmp_path / "clip.mp4").read_bytes())
    assert len(files) == 1


def test_frames_are_encoded_as_they_are_made(tmp_path):
    """The writer never asks for a frame before it has taken in the one before."""
    asked, taken = [], []
    with mp4_writer(tmp_path / "clip.mp4", 8, {}) as writer:
        for index, frame in enumerate(moving_frames(5)):
            asked.append(index)
            writer.add(frame)
            taken.append(writer.num_frames)
    assert taken == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_broken_off_video_leaves_no_file(tmp_path, error):
    def breaking():
        yield from moving_frames(3)
        raise error

    with pytest.raises(error):
        write_mp4(breaking(), tmp_path / "clip.mp4", 8, TAGS)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_off_video_leaves_the_earlier_one(tmp_path):
    path = tmp_path / "clip.mp4"
    write_mp4(moving_frames(3), path, 8, {"take": 1})
    with pytest.raises(ValueError, match="at least one frame"):
        write_mp4([], path, 8, {"take": 2})
    assert read_tags(path) == {"take": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["clip.mp4"]


def test_poster_and_thumbnail_show_the_first_frame(tmp_path):
    frames = list(moving_frames(6, 400, 640))
    write_mp4(frames, tmp_path / "clip.mp4", 8, {})
    write_poster(tmp_path / "clip.mp4", tmp_path / "poster.jpg")
    write_thumbnail(tmp_path / "clip.mp4", tmp_path / "thumb.webp")

    with Image.open(tmp_path / "poster.jpg") as poster:
        assert (poster.format, poster.size) == ("JPEG", (640, 400))
        assert psnr(poster, frames[0]) > 33
    small = Image.fromarray(frames[0]).resize((320, 200), Image.Resampling.LANCZOS)
    with Image.open(tmp_path / "thumb.webp") as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (320, 200))
        assert psnr(thumbnail.convert("RGB"), small) > 30


def test_a_poster_is_never_wider_than_a_page(tmp_path):
    write_mp4(moving_frames(1, 100, 1600), tmp_path / "clip.mp4", 8, {})
    write_poster(tmp_path / "clip.mp4", tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as poster:
        assert poster.size == (1280, 80)


def linear_latents(seed=0, cells=(12, 20), channels=6):
    """Pictures whose latents are a linear mix of their colours, with some channels of noise."""
    generator = torch.Generator().manual_seed(seed)
    colours = torch.rand(1, 3, *cells, generator=generator) * 1.6 - 0.8
    mix = torch.linalg.qr(torch.randn(channels, 3, generator=generator.manual_seed(5)))[0] * 2
    latents = torch.einsum("dc,bchw->bdhw", mix, colours) + 0.3
    pixels = colours.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    return latents[:, :, None], pixels, colours


def test_the_preview_finds_a_linear_map_and_keeps_it_for_later_frames():
    first, pixels, _ = linear_latents(0)
    later, _, colours = linear_latents(1)
    got = LatentPreview(first, pixels).colours(later[0, :, 0]).permute(2, 0, 1)
    assert float((got - colours[0]).abs().mean()) < 0.03


def test_the_preview_stays_calm_with_more_channels_than_cells():
    first, pixels, colours = linear_latents(0, cells=(3, 5), channels=32)
    got = LatentPreview(first, pixels).colours(first[0, :, 0]).permute(2, 0, 1)
    assert float((got - colours[0]).abs().mean()) < 0.1
    flat = torch.zeros_like(pixels)
    assert LatentPreview(torch.zeros_like(first), flat).colours(first[0, :, 0]).abs().max() == 0


@pytest.mark.parametrize(("num_frames", "stills"), [(1, 1), (5, 5), (30, 9)])
def test_a_preview_is_a_small_webp_that_runs_once(num_frames, stills):
    first, pixels, _ = linear_latents()
    latents = first + torch.linspace(0, 1, num_frames)[None, None, :, None, None]
    data = LatentPreview(first, pixels).webp(latents)
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size) == ("WEBP", (240, 144))
    assert getattr(picture, "n_frames", 1) == stills
    assert picture.info.get("loop", 1) == 1
    assert len(data) < 40_000
