"""Token counter with vocabularies that ship here; the only user of tiktoken. No network."""

import asyncio
import gzip
import itertools
import threading
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken


_FALLBACK = "o200k_base"
_FILES = {"o200k_base": "o200k_base", "o200k_harmony": "o200k_base", "cl100k_base": "cl100k_base"}
# A power of two, like the lengths of the longest tokens of blanks: cutting a run that begins at a
# slice's start adds no token.
_SLICE_CHARS = 1 << 18

_lock = threading.Lock()
_loaded: "dict[str, tiktoken.Encoding]" = {}


class TiktokenCounter:
    """Implements the core's ``TokenCounter`` port; encodings are cached for the process."""

    def encoding_for(self, model: str) -> tuple[str, bool]:
        """Return a model's encoding, and False if it is a fallback for an unknown model.

        Names are those of tiktoken; a vendor's prefix (``openai/gpt-4o``) and a tag
        (``gpt-oss:20b``) are ignored.
        """
        from tiktoken.model import encoding_name_for_model

        name = model.rpartition("/")[2]
        for form in (model, name, name.replace(":", "-")):
            try:
                encoding = encoding_name_for_model(form)
            except KeyError:
                continue
            return (encoding, True) if encoding in _FILES else (_FALLBACK, False)
        return _FALLBACK, False

    async def prepare(self, encoding: str) -> None:
        """Load an encoding in a thread, unless it is loaded already."""
        if encoding not in _loaded:
            await asyncio.to_thread(_load, encoding)

    def count(self, text: str, encoding: str) -> int:
        """Count a text's tokens; special tokens count as plain text."""
        encoder = _load(encoding)
        try:
            return len(encoder.encode(text, disallowed_special=()))
        except ValueError:
            # A run of about a million blanks exhausts the regular expression's stack. A cut inside
            # such a run adds one token at most.
            return sum(
                len(encoder.encode(text[start : start + _SLICE_CHARS], disallowed_special=()))
                for start in range(0, len(text), _SLICE_CHARS)
            )

    def ids(self, text: str, encoding: str) -> Sequence[int]:
        """Return a short text's token ids, in order."""
        return _load(encoding).encode(text, disallowed_special=())


def _load(name: str) -> "tiktoken.Encoding":
    with _lock:
        if name not in _loaded:
            _loaded[name] = _build(name)
        return _loaded[name]


def _build(name: str) -> "tiktoken.Encoding":
    """Build tiktoken's encoding from the ranks that ship here.

    Its loader downloads them without a timeout, into a cache that it may also delete from; so it is
    replaced while the constructor runs.
    """
    import tiktoken
    from tiktoken_ext import openai_public

    ranks = _ranks(_FILES[name])
    loader = openai_public.load_tiktoken_bpe
    openai_public.load_tiktoken_bpe = lambda *_arguments, **_options: ranks
    try:
        return tiktoken.Encoding(**openai_public.ENCODING_CONSTRUCTORS[name]())
    finally:
        openai_public.load_tiktoken_bpe = loader


def _ranks(name: str) -> dict[bytes, int]:
    place = resources.files(__package__).joinpath("vocabularies", f"{name}.gz")
    return unpack(gzip.decompress(place.read_bytes()))


def unpack(packed: bytes) -> dict[bytes, int]:
    """Unpack a vocabulary to the rank of each token.

    The format: the number of tokens (four bytes, little-endian), the length of each (one byte), and
    their bytes, all in the order of ranks.
    """
    count = int.from_bytes(packed[:4], "little")
    ends = list(itertools.accumulate(packed[4 : 4 + count], initial=4 + count))
    return {packed[start:end]: rank for rank, (start, end) in enumerate(itertools.pairwise(ends))}
