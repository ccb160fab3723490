"""Load what goes with a message: text files, images, web pages."""

import asyncio
import base64
import os
import stat
from pathlib import Path

from chatrepl.core.attachments import image_attachment, text_attachment
from chatrepl.core.errors import UsageError
from chatrepl.core.messages import Json
from chatrepl.core.servers import redact
from chatrepl.services.files import explain_os_error
from chatrepl.services.html_text import html_to_text
from chatrepl.services.images import image_kind, tokens_of_image

__all__ = ["AttachmentLoader"]

_MOST_TEXT_BYTES = 4 * 2**20
_MOST_IMAGE_BYTES = 20 * 2**20
_POSSIBLE = "text files, web pages, and PNG, JPEG, GIF or WebP images can be attached"


class AttachmentLoader:
    """Implements the core's ``Attachments`` port."""

    async def load(self, place: str) -> dict[str, Json]:
        """Load a file, or a page from an ``http`` address. Raises ``ChatreplError``."""
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
            return text_attachment(
                name, _bounded(await asyncio.to_thread(html_to_text, page.text), name)
            )
        if b"\0" in page.data:
            raise UsageError(f"{name} is no text ({page.content_type})", _POSSIBLE)
        return text_attachment(name, _bounded(page.text, name))


def _load_file(path: str) -> dict[str, Json]:
    try:
        # Not blocking: opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(Path(path).expanduser(), os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError(f"{path} is not a file")
            data = file.read(_MOST_IMAGE_BYTES + 1)
    except (OSError, ValueError, RuntimeError) as error:
        cause = explain_os_error(error)[0] if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read {path}: {cause}") from None
    if (kind := image_kind(data)) is not None:
        return _image(path, kind, data)
    if len(data) > _MOST_TEXT_BYTES:
        raise UsageError(
            f"{path} is larger than {_MOST_TEXT_BYTES // 2**20} MB", "attach a part of it"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is neither UTF-8 text nor an image", _POSSIBLE) from None
    if "\0" in text:
        raise UsageError(f"{path} is no text", _POSSIBLE)
    return text_attachment(path, text)


def _image(name: str, kind: str, data: bytes) -> dict[str, Json]:
    if len(data) > _MOST_IMAGE_BYTES:
        raise UsageError(
            f"{name} is larger than {_MOST_IMAGE_BYTES // 2**20} MB", "make it smaller"
        )
    encoded = base64.b64encode(data).decode()
    return image_attachment(name, f"data:{kind};base64,{encoded}", tokens_of_image(data))


def _bounded(text: str, name: str) -> str:
    if len(text) > _MOST_TEXT_BYTES:
        raise UsageError(f"{name} is larger than {_MOST_TEXT_BYTES // 2**20} MB")
    return text
