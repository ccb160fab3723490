"""Keys and addresses of servers: their checks, and the redaction of keys in shown text."""

import re
from urllib.parse import SplitResult, urlsplit

from chatrepl.core.errors import UsageError
from chatrepl.core.ports.chat_model import Secret

OPENAI_URL = "https://api.openai.com/v1"
REDACTED = "[key]"

_KEY = re.compile(r"[\x21-\x7e]+")
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)[\x21-\x7e]+")
_KEY_LIKE = re.compile(r"\b(?:sk|pk|gsk|xai|hf|nvapi|csk|r8|AIza)[-_]?[A-Za-z0-9_*.…-]{12,}")
_USER_INFO = re.compile(r"(?<=://)[^/\s@]+@")
_QUERY_KEY = re.compile(r"(?i)(?<=[?&])((?:api[-_]?)?key|(?:access_)?token|sig)=[^&\s]+")
_LOCAL_HOST = re.compile(r"localhost|\[|[\d.]+(?:[:/]|$)|[^./:]+(?:[:/]|$)|[^/]+\.local(?:[:/]|$)")

_SURELY_SECRET_CHARS = 8


def check_key(text: str) -> Secret:
    """Strip and check a key, so that it can be sent in a header.

    Raises ``UsageError``, which never holds the key.
    """
    key = text.strip()
    if not key:
        raise UsageError("the key is empty", "paste the whole key")
    if not _KEY.fullmatch(key):
        what = "white space" if re.search(r"\s", key) else "a character that no key has"
        raise UsageError(f"the key holds {what}", "paste the key alone, on one line")
    return Secret(key)


def check_base_url(text: str) -> str:
    """Check a server's address; return it without a trailing slash and ``/chat/completions``.

    Raises ``UsageError``.
    """
    url = text.strip()
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise UsageError("the base_url holds white space", "write it as one word")
    parts = _split(url)
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the base_url holds a user name or password", "give the key apart from the address"
        )
    if parts.query or parts.fragment:
        raise UsageError(
            "the base_url ends in a query or fragment",
            "put its fields under `query` in the profile",
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _split(url: str) -> SplitResult:
    if "://" not in url:
        scheme = "http" if _LOCAL_HOST.match(url) else "https"
        shown = redact(url.lstrip("/") or "host/v1")
        raise (
            UsageError(f"the base_url {url!r} has no scheme", f"write {scheme}://{shown}")
            if ("@" not in url)
            else UsageError("the base_url has no scheme", "write http://… or https://…")
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(
            f"the base_url is not an address: {redact(str(error))}", "write https://host:port/v1"
        ) from None
    if parts.scheme not in ("http", "https"):
        raise UsageError(
            f"the base_url has the scheme {parts.scheme!r}", "write http://… or https://…"
        )
    if not parts.hostname or port == 0:
        raise UsageError("the base_url names no host", "write https://host:port/v1")
    return parts


def host_of(base_url: str) -> str:
    """Return the host of an address, with its port if it has one."""
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return "the server"
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host or "the server"


def redact(text: str, *keys: str) -> str:
    """Replace the given keys, and all that looks like a key, by ``[key]``."""
    for key in keys:
        if len(key) >= _SURELY_SECRET_CHARS:
            text = text.replace(key, REDACTED)
        elif key:
            # A key like "none" or "test" is a word as well, which may be part of another.
            text = re.sub(rf"(?<![\w-]){re.escape(key)}(?![\w-])", REDACTED, text)
    text = _BEARER.sub(rf"\1\2{REDACTED}", text)
    text = _KEY_LIKE.sub(REDACTED, text)
    text = _USER_INFO.sub(f"{REDACTED}@", text)
    return _QUERY_KEY.sub(rf"\1={REDACTED}", text)
