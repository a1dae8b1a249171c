"""An XMP packet in an mp4: where programs for pictures look for what made them.

The packet lies in a `uuid` box of its own behind all others, as Adobe's specification (part 3) has
it. Players pass it over. No torch.
"""

from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape, quoteattr

IDENTITY = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
HEADER = 8  # bytes of a box before its content: size and name
LONGEST = 64 * 1024
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    Iptc4xmpExt:DigitalSourceType={source_type}>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{words}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>
"""


def packet_of(words: str, source_type: str) -> str:
    """A packet that describes a file and says by which kind of source it came to be."""
    return PACKET.format(words=escape(words), source_type=quoteattr(source_type))


def append_packet(mp4: Path, packet: str) -> None:
    """Put a packet behind what is in the file."""
    content = IDENTITY + packet.encode()
    with mp4.open("ab") as file:
        file.write((HEADER + len(content)).to_bytes(4, "big") + b"uuid" + content)


def read_packet(mp4: Path) -> str:
    """The packet of a file; empty where it has none."""
    with mp4.open("rb") as file:
        while len(header := file.read(HEADER)) == HEADER:
            size, name = int.from_bytes(header[:4], "big"), header[4:]
            length = _content_length(file, size)
            if name == b"uuid" and length <= LONGEST:
                content = file.read(length)
                if content.startswith(IDENTITY):
                    return content[len(IDENTITY) :].decode(errors="replace")
            else:
                file.seek(length, 1)
    return ""


def _content_length(file: IO[bytes], size: int) -> int:
    """Bytes of a box after its header: size 1 says that a longer one follows, 0 up to the end."""
    left = Path(file.name).stat().st_size - file.tell()
    if size == 1:
        size, left = int.from_bytes(file.read(8), "big") - 8, left - 8
    return left if size == 0 else max(0, min(size - HEADER, left))
