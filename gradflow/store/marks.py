"""The mark of a file that gradflow wrote: the sha256 of all the rest, so that no other file is replaced.

A file that was changed since is the user's: it is not what its mark says.
"""

from __future__ import annotations

import zlib
from hashlib import sha256
from struct import pack

_COMMENTS = {  # the last line of the file
    **dict.fromkeys((".html", ".svg", ".md"), b"\n<!-- %b -->\n"),
    ".pdf": b"\n%% %b\n",
}
_PNG = ".png"
_END = pack(">I", 0) + b"IEND" + pack(">I", zlib.crc32(b"IEND"))  # the last chunk of every PNG

SUFFIXES = (*_COMMENTS, _PNG)


def marked(content: bytes, suffix: str) -> bytes:
    """What a file with this suffix, one of `SUFFIXES`, holds when its mark is added."""
    mark = b"written by gradflow, sha256 " + sha256(content).hexdigest().encode()
    if suffix == _PNG:
        return content.removesuffix(_END) + _chunk(b"tEXt", b"Software\0" + mark) + _END
    return content + _COMMENTS[suffix] % mark


def is_marked(content: bytes, suffix: str) -> bool:
    """Whether this is what `marked` made, to the last byte."""
    if suffix not in SUFFIXES:
        return False
    end = _END if suffix == _PNG else b""
    added = len(marked(end, suffix))
    return marked(content[:-added] + end, suffix) == content


def _chunk(kind: bytes, content: bytes) -> bytes:
    return pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content))
