"""Conversion of exceptions of the SDK, HTTP and the network to ``ModelError``."""

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import httpx2
import openai

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.servers.addresses import host_of
from chatrepl.services.openai_api.clients import EnvironmentSettingsError, connect_timeout_s
from chatrepl.services.openai_api.errors.responses import (
    RequestFacts,
    error_from_payload,
    error_from_status,
    excerpt,
)

_UNREACHABLE = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
)
# OpenSSL's reasons for an answer that is not TLS.
_NOT_TLS = re.compile(r"WRONG_VERSION_NUMBER|RECORD_LAYER|HTTP_REQUEST|UNKNOWN_PROTOCOL|EOF occ")

_CLOSED = "closed the connection without an answer"
_CLOSED_RETRY_S = 0.5
_RETRY = "/retry asks again"
_NO_ADDRESS, _ADDRESS_HINT = "the base_url is not an address", "write https://host:port/v1"


def error_from_exception(
    error: BaseException, facts: RequestFacts, *, has_answer: bool
) -> ModelError:
    """Convert any exception that a request raised.

    ``has_answer``: a part of the answer had arrived before.
    """
    match error:
        case ModelError():
            return error
        case openai.APIStatusError():
            response = error.response
            return error_from_status(response.status_code, response.headers, _body(response), facts)
        case (
            openai.APIConnectionError()
            | httpx2.HTTPError()
            | httpx2.StreamError()
            | ssl.SSLError()
            | OSError()
        ):
            return _connection_error(error, facts, has_answer=has_answer)
        case openai.APIError():
            body = error.body if isinstance(error.body, dict) else {}
            found = error_from_payload({"error": body or error.message}, "error", facts)
            return found or _unknown_error(error, facts)
        case EnvironmentSettingsError():
            return _environment_error(error.__cause__ or error, facts)
        case httpx2.InvalidURL():
            return _unreachable(_NO_ADDRESS, _ADDRESS_HINT)
        case UnicodeError() | ValueError() | TypeError() | RecursionError() | OverflowError():
            message = f"the request cannot be written: {_text(error, facts)}"
            return ModelError(message, "/request shows it", fault=Fault.BAD_REQUEST)
        case _ if type(error).__name__ in ("EndOfStream", "BrokenResourceError"):
            return _connection_error(error, facts, has_answer=has_answer)
        case _:
            return _unknown_error(error, facts)


def _unreachable(message: str, hint: str) -> ModelError:
    return ModelError(message, hint, fault=Fault.UNREACHABLE)


def _unknown_error(error: BaseException, facts: RequestFacts) -> ModelError:
    text = _text(error, facts) or type(error).__name__
    return ModelError(f"the request failed: {text}", _RETRY, fault=Fault.BAD_RESPONSE)


def _text(error: BaseException, facts: RequestFacts) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "its text holds half a character"
    return excerpt(str(error), facts.key)


def _body(response: httpx2.Response) -> str:
    try:
        # ``response.text`` would fail for an unknown character set in the header.
        return response.content.decode("utf-8", "replace").removeprefix("\ufeff")
    except httpx2.StreamError:
        return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, its causes and contexts, and members of groups, breadth first."""
    seen: set[int] = set()
    queue = [error]
    while queue:
        cause = queue.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        queue += [inner for inner in (cause.__cause__, cause.__context__) if inner is not None]
        if isinstance(cause, BaseExceptionGroup):
            queue += cause.exceptions


def proxy_for(base_url: str) -> tuple[str, str] | None:
    """Return the environment variable that sets a proxy for an address, and its value, if any."""
    parts = urlsplit(base_url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            if value := os.environ.get(variable):
                return variable, value
    return None


def _connection_error(error: BaseException, facts: RequestFacts, *, has_answer: bool) -> ModelError:
    if has_answer:
        message = "the connection broke in the middle of the answer"
        return ModelError(message, _RETRY, fault=Fault.CUT)
    causes = list(_causes(error))
    proxy = None if facts.server.is_local else proxy_for(facts.server.base_url)
    if proxy and not any(isinstance(cause, httpx2.ReadError | ssl.SSLError) for cause in causes):
        return _proxy_error(causes, proxy, facts)
    explanations = chain(
        (_network_cause(cause, facts) for cause in causes),
        (_protocol_cause(cause, facts) for cause in causes),
        [(f"no connection to {facts.host}", "is the server running there?")],
    )
    message, hint = next(explanation for explanation in explanations if explanation)
    # A server may close a kept-alive connection just as it is used again: worth a retry.
    details = {"retry_after_s": _CLOSED_RETRY_S} if message.endswith(_CLOSED) else {}
    return ModelError(message, hint, fault=Fault.UNREACHABLE, details=details)


def _network_cause(cause: BaseException, facts: RequestFacts) -> tuple[str, str] | None:
    """Explain an error of the network or of TLS: cause and hint; None for any other."""
    host = facts.host
    match cause:
        case socket.gaierror() if cause.errno == socket.EAI_AGAIN:
            return f"the name {host} cannot be looked up now", "check the network, and base_url"
        case socket.gaierror():
            return f"unknown host {host}", "check base_url"
        case ConnectionRefusedError():
            return f"{host} refused the connection", f"is the server running at {host}?"
        case ssl.SSLWantReadError() | ssl.SSLWantWriteError():
            return None
        case ssl.SSLCertVerificationError():
            reason = excerpt(cause.verify_message or "it is not trusted")
            hint = "SSL_CERT_FILE can name a file with further certificates to trust"
            return f"the certificate of {host} is not accepted: {reason}", hint
        case ssl.SSLError() if _NOT_TLS.search(str(cause)):
            return f"{host} does not speak TLS", f"try {_with_scheme('http', facts)}"
        case ssl.SSLError():
            return f"no TLS connection to {host}: {excerpt(cause.reason or str(cause))}", ""
        case OSError() if cause.errno in _UNREACHABLE:
            return f"there is no way to {host}", "check the network"
        case _:
            return None


def _protocol_cause(cause: BaseException, facts: RequestFacts) -> tuple[str, str] | None:
    """Explain an error of HTTP: cause and hint; None for any other."""
    host = facts.host
    is_https = facts.server.base_url.startswith("https:")
    match cause:
        case httpx2.ConnectTimeout():
            hint = f"is the server running at {host}?"
            if is_https:
                hint += f" If it speaks plain HTTP, try {_with_scheme('http', facts)}"
            return f"no connection to {host} within {connect_timeout_s(facts.server):g} s", hint
        case httpx2.TimeoutException():
            return f"{host} did not take the request in time", _RETRY
        case httpx2.LocalProtocolError():
            # Its text contains the header, which may be the key: not shown.
            return (
                "a header of the request cannot be sent",
                "check the key and the profile's headers",
            )
        case httpx2.UnsupportedProtocol() | httpx2.InvalidURL():
            return _NO_ADDRESS, _ADDRESS_HINT
        case httpx2.DecodingError():
            return f"{host} sent an answer that cannot be unpacked", _RETRY
        case httpx2.RemoteProtocolError() if "disconnected" not in str(cause).lower():
            hint = f"if it speaks TLS, try {_with_scheme('https', facts)}"
            return f"{host} does not speak HTTP", "check base_url" if is_https else hint
        case httpx2.RemoteProtocolError() | httpx2.NetworkError():
            return f"{host} {_CLOSED}", _RETRY
        case _:
            return None


def _with_scheme(scheme: str, facts: RequestFacts) -> str:
    rest = facts.server.base_url.partition("://")[2]
    return excerpt(f"{scheme}://{rest}", facts.key)


def _proxy_error(
    causes: list[BaseException], proxy: tuple[str, str], facts: RequestFacts
) -> ModelError:
    variable, value = proxy
    address = host_of(value if "://" in value else f"http://{value}")
    refusal = next((str(cause) for cause in causes if isinstance(cause, httpx2.ProxyError)), "")
    if refusal:
        message = f"the proxy {address} refused: {excerpt(refusal, facts.key)}"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        message = f"the proxy {address} refused the connection"
    elif any(isinstance(cause, socket.gaierror) for cause in causes):
        message = f"the proxy {address} is an unknown host"
    else:
        message = f"no connection to {facts.host} through the proxy {address}"
    host = urlsplit(facts.server.base_url).hostname or "the host"
    hint = f"correct or unset {variable}, or add {host} to NO_PROXY"
    return _unreachable(f"{message} (set by {variable})", hint)


def _environment_error(cause: BaseException, facts: RequestFacts) -> ModelError:
    text = excerpt(str(cause), facts.key)
    certificates = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    if isinstance(cause, OSError) and certificates:
        variable, message = certificates[0], f"the certificates of {certificates[0]} cannot be read"
    else:
        variable, value = proxy_for(facts.server.base_url) or _other_proxy()
        if isinstance(cause, ImportError) and value.startswith("socks"):
            message = f"the SOCKS proxy of {variable} needs the package socksio"
            return _unreachable(message, f"run `pip install socksio`, or unset {variable}")
        message = f"the proxy of {variable or 'the environment'} cannot be used"
    hint = f"correct or unset {variable}" if variable else "check the proxy variables"
    return _unreachable(f"{message}: {text}", hint)


def _other_proxy() -> tuple[str, str]:
    """Return a proxy variable for other addresses, which is parsed all the same; empty if none.

    One whose scheme is not HTTP comes first: it is the likelier culprit.
    """
    proxies = [(name, os.environ[name]) for name in os.environ if name.lower().endswith("_proxy")]
    proxies = [(name, value) for name, value in proxies if value and name.lower() != "no_proxy"]
    return next(iter(sorted(proxies, key=lambda pair: pair[1].startswith("http"))), ("", ""))
