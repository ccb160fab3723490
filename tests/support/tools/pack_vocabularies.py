"""Pack tiktoken's rank files the way they ship.

``python -m tests.support.tools.pack_vocabularies DIR`` does it.

A rank file has one line for each token: its bytes in base64, and its rank. The ranks have no gaps,
so a packed file needs the tokens alone: their number, the length of each, then their bytes.
"""

import base64
import gzip
import hashlib
import sys
from pathlib import Path

from chatrepl.services.models.tokenizer import unpack
from tests.support import ROOT

PLACE = ROOT / "chatrepl" / "services" / "models" / "vocabularies"
SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}


def pack(ranks: bytes) -> bytes:
    """Pack one rank file: the same bytes on every day, machine and version of Python."""
    tokens: list[bytes] = []
    for rank, line in enumerate(ranks.splitlines()):
        token, number = line.split()
        assert int(number) == rank
        tokens.append(base64.b64decode(token))
    packed = len(tokens).to_bytes(4, "little") + bytes(map(len, tokens)) + b"".join(tokens)
    compressed = gzip.compress(packed, 9, mtime=0)
    # The operating system in gzip's header: Unix before Python 3.13, unknown since.
    return compressed[:9] + b"\x03" + compressed[10:]


def rank_file(packed: bytes) -> bytes:
    """Write out a packed vocabulary as the rank file that it was."""
    lines = [
        b"%s %d\n" % (base64.b64encode(token), rank)
        for token, rank in unpack(gzip.decompress(packed)).items()
    ]
    return b"".join(lines)


def main(folder: Path) -> None:
    for name, digest in SHA256.items():
        ranks = (folder / f"{name}.tiktoken").read_bytes()
        assert hashlib.sha256(ranks).hexdigest() == digest, name
        (PLACE / f"{name}.gz").write_bytes(pack(ranks))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
