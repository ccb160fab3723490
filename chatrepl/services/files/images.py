"""Image type by the file's first bytes, and the estimated tokens of an image."""

import math

_USUAL_TOKENS = 765
_BASE_TOKENS, _TILE_TOKENS, _TILE_PIXELS = 85, 170, 512
_LONGEST_PIXELS, _SHORTEST_PIXELS = 2048, 768
_SOF_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def image_kind(data: bytes) -> str | None:
    """Return the media type of a PNG, JPEG, GIF or WebP image; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def tokens_of_image(data: bytes) -> int:
    """Estimate the tokens of an image by OpenAI's rule for high detail.

    https://platform.openai.com/docs/guides/images-vision: scaled down to fit 2048 by 2048, then to
    a shorter side of 768 pixels; each tile of 512 by 512 costs 170 tokens, the image another 85.
    """
    size = _pixels(data)
    if size is None or not all(size):
        return _USUAL_TOKENS
    scale = min(1.0, _LONGEST_PIXELS / max(size))
    scale = min(scale, _SHORTEST_PIXELS / min(size))
    tiles = math.prod(math.ceil(side * scale / _TILE_PIXELS) for side in size)
    return _BASE_TOKENS + _TILE_TOKENS * tiles


def _pixels(data: bytes) -> tuple[int, int] | None:
    """Return width and height, if the image's header holds them."""
    match image_kind(data):
        case "image/png" if len(data) >= 24:
            return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        case "image/gif" if len(data) >= 10:
            return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
        case "image/webp" if data[12:16] == b"VP8X" and len(data) >= 30:
            wide, high = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
            return wide + 1, high + 1
        case "image/jpeg":
            return _jpeg_pixels(data)
        case _:
            return None


def _jpeg_pixels(data: bytes) -> tuple[int, int] | None:
    """Read width and height from the first start-of-frame segment."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in _SOF_MARKERS:
            high, wide = (int.from_bytes(data[start : start + 2]) for start in (at + 5, at + 7))
            return wide, high
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4]))
    return None
