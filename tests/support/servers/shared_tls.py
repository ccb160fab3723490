"""One TLS context for all clients of a test run."""

import functools
import os
import ssl
from collections.abc import Iterator

import httpcore2
import pytest

__all__ = ["share_tls_context"]


@pytest.fixture(scope="session", autouse=True)
def share_tls_context() -> Iterator[None]:
    """Load the machine's certificates once: it takes 20 ms, and each run of the program does it."""
    make = httpcore2.default_ssl_context

    @functools.cache
    def cached(trust_env: bool, _file: str | None, _folder: str | None) -> ssl.SSLContext:
        return make(_trust_env=trust_env)

    def shared(*, _trust_env: bool = True) -> ssl.SSLContext:
        variables = map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR"))
        return cached(_trust_env, *variables)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", shared)
        yield
