"""Download of web pages, bounded in size, time and redirects."""

import asyncio
import codecs
from dataclasses import dataclass

import httpx2

from chatrepl import __version__
from chatrepl.core.errors import ChatreplError, UsageError
from chatrepl.core.servers.addresses import redact

_MOST_S = 30.0
_SILENCE_S = 15.0
_MOST_REDIRECTS = 5
_SLOW_CHARSETS = frozenset({"idna", "punycode"})
"""Not for pages, and of quadratic time."""
_ACCEPT = "text/html, text/*;q=0.9, image/*;q=0.8, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class WebPage:
    """A downloaded page or file."""

    content_type: str
    data: bytes
    charset: str

    @property
    def is_html(self) -> bool:
        """True if it is HTML, by its content type or its beginning."""
        head = self.data[:1024].lstrip().lower()
        return "html" in self.content_type or head.startswith((b"<!doctype html", b"<html"))

    @property
    def text(self) -> str:
        """The text, decoded from the character set that the server names, else from UTF-8."""
        try:
            charset = codecs.lookup(self.charset).name
            return self.data.decode("utf-8" if charset in _SLOW_CHARSETS else charset, "replace")
        except LookupError:
            return self.data.decode("utf-8", "replace")


async def fetch(url: str, most_bytes: int) -> WebPage:
    """Download what is at an address, within 30 s. Raises ``ChatreplError``."""
    name = redact(url)
    try:
        async with asyncio.timeout(_MOST_S):
            return await _fetch(url, most_bytes, name)
    except (TimeoutError, httpx2.TimeoutException):
        raise ChatreplError(f"{name} does not answer in time", "try again") from None
    except httpx2.TooManyRedirects:
        raise ChatreplError(f"{name} leads from one address to the next without end") from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError, ValueError):
        raise UsageError(f"{name} is no address", "https://HOST/PATH") from None
    except httpx2.HTTPError as error:
        reason = redact(str(error)) or type(error).__name__
        raise ChatreplError(f"{name} cannot be fetched: {reason}", "check the address") from None


async def _fetch(url: str, most_bytes: int, name: str) -> WebPage:
    async with (
        httpx2.AsyncClient(
            follow_redirects=True,
            max_redirects=_MOST_REDIRECTS,
            timeout=_SILENCE_S,
            headers={"user-agent": f"chatrepl/{__version__}", "accept": _ACCEPT},
        ) as client,
        client.stream("GET", url) as response,
    ):
        if not response.is_success:
            reason = f"{response.status_code} {response.reason_phrase}".strip()
            raise ChatreplError(f"{name} cannot be fetched: {reason}", "check the address")
        data = bytearray()
        async for piece in response.aiter_bytes():
            data += piece
            if len(data) > most_bytes:
                raise UsageError(f"{name} is larger than {most_bytes // 2**20} MB")
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return WebPage(content_type, bytes(data), response.charset_encoding or "utf-8")
