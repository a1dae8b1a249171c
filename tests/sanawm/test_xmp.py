"""The mark that says a video was generated, as other programs find it."""

from xml.etree import ElementTree

import av
import numpy as np
import pytest

from sanawm.ai_mark import SOURCE_TYPE, mark_of
from sanawm.errors import SanaWMError
from sanawm.retagging import without_recipe
from sanawm.video import mp4_writer, read_tags, verify_metadata
from sanawm.xmp import append_packet, packet_of, read_packet

MARK = mark_of('Tiny "world" <model> & Söhne', 1_795_300_000.0)
TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
ITEM = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"


@pytest.fixture
def video(tmp_path):
    with mp4_writer(tmp_path / "clip.mp4", 8, {"seed": 7}, MARK) as writer:
        for shade in range(3):
            writer.add(np.full((96, 160, 3), 60 * shade, np.uint8))
    return tmp_path / "clip.mp4"


def said(packet):
    root = ElementTree.fromstring(packet.removeprefix("\ufeff"))
    [kind] = [node.get(TYPE) for node in root.iter() if node.get(TYPE)]
    [words] = [node.text for node in root.iter(ITEM)]
    return kind, words


def test_another_reader_finds_the_mark_with_and_without_the_recipe(video, tmp_path):
    without_recipe(video, tmp_path / "bare.mp4")
    for file in (video, tmp_path / "bare.mp4"):
        with av.open(str(file), options={"export_xmp": "1"}) as container:
            assert said(container.metadata["xmp"]) == (SOURCE_TYPE, MARK["description"])
            assert sum(1 for _ in container.decode(video=0)) == 3
    assert read_tags(video) == {"seed": 7}
    assert read_tags(tmp_path / "bare.mp4") == {}


def test_a_mark_that_was_lost_is_noticed(video):
    content = video.read_bytes()
    video.write_bytes(content.replace(b"trainedAlgorithmicMedia", b"digitalCapture, no model"[:23]))
    with pytest.raises(SanaWMError, match="metadata could not be written"):
        verify_metadata(video, MARK)
    at = content.rindex(b"uuid") - 4
    video.write_bytes(content[:at])
    with pytest.raises(SanaWMError, match="metadata could not be written"):
        verify_metadata(video, MARK)


def boxed(name, content, *, long=False):
    if long:
        return (1).to_bytes(4, "big") + name + (16 + len(content)).to_bytes(8, "big") + content
    return (8 + len(content)).to_bytes(4, "big") + name + content


@pytest.mark.parametrize(
    "before",
    [
        b"",
        boxed(b"mdat", b"x" * 100),
        boxed(b"mdat", b"x" * 100, long=True),
        boxed(b"uuid", b"y" * 40),
        boxed(b"uuid", b"y" * 70_000),
    ],
    ids=["nothing", "short", "long", "other", "larger"],
)
def test_a_packet_is_found_behind_any_box(tmp_path, before):
    file = tmp_path / "some.mp4"
    file.write_bytes(boxed(b"ftyp", b"isom") + before)
    assert read_packet(file) == ""
    append_packet(file, packet_of("words", "kind"))
    assert said(read_packet(file)) == ("kind", "words")


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 7, b"\0" * 64, b"\0\0\0\3uuid" * 9, b"\0\0\0\1uuid" + b"\xff" * 9]
)
def test_files_that_are_no_mp4_have_no_packet(tmp_path, content):
    (tmp_path / "odd").write_bytes(content)
    assert read_packet(tmp_path / "odd") == ""
