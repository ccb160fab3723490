"""Loader of attachments: text files, images, web pages."""

import asyncio
import base64

from chatrepl.core.conversation.attachments import image_attachment, text_attachment
from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.servers.addresses import redact
from chatrepl.services.files.html_to_text import html_to_text
from chatrepl.services.files.images import image_kind, tokens_of_image
from chatrepl.services.files.private_files import decode_utf8, read_regular

_MOST_TEXT_BYTES = 4 * 2**20
_MOST_IMAGE_BYTES = 20 * 2**20
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SUPPORTED = "text files, web pages, and PNG, JPEG, GIF or WebP images can be attached"


class AttachmentLoader:
    """Implements the core's ``Attachments`` port."""

    async def load(self, place: str) -> dict[str, Json]:
        """Load a file, or a page from an HTTP address. Raises ``ChatreplError``."""
        if place.lower().startswith(("http://", "https://")):
            return await self._load_page(place)
        return await asyncio.to_thread(_load_file, place)

    async def _load_page(self, url: str) -> dict[str, Json]:
        from chatrepl.services.openai_api.web_page import fetch

        page = await fetch(url, _MOST_IMAGE_BYTES)
        name = redact(url)
        if (kind := image_kind(page.data)) is not None:
            return _image(name, kind, page.data)
        if page.is_html:
            text = await asyncio.to_thread(html_to_text, page.text)
        elif b"\0" in page.data:
            raise UsageError(f"{name} is no text ({page.content_type})", _SUPPORTED)
        else:
            text = page.text
        if len(text) > _MOST_TEXT_BYTES:
            raise _too_large(name, _MOST_TEXT_BYTES)
        return text_attachment(name, text)


def _load_file(path: str) -> dict[str, Json]:
    data = read_regular(path, _MOST_IMAGE_BYTES)
    if (kind := image_kind(data)) is not None:
        return _image(path, kind, data)
    if len(data) > _MOST_TEXT_BYTES:
        raise _too_large(path, _MOST_TEXT_BYTES, "attach a part of it")
    if b"\0" in data and not data.startswith(_UTF16_MARKS):
        raise UsageError(f"{path} is neither text nor an image", _SUPPORTED)
    return text_attachment(path, decode_utf8(data, path).removeprefix("\ufeff"))


def _image(name: str, kind: str, data: bytes) -> dict[str, Json]:
    if len(data) > _MOST_IMAGE_BYTES:
        raise _too_large(name, _MOST_IMAGE_BYTES, "make it smaller")
    encoded = base64.b64encode(data).decode()
    return image_attachment(name, f"data:{kind};base64,{encoded}", tokens_of_image(data))


def _too_large(name: str, most_bytes: int, hint: str = "") -> UsageError:
    return UsageError(f"{name} is larger than {most_bytes // 2**20} MB", hint)
