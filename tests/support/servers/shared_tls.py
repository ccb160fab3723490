"""One TLS context for all clients of a test run."""

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
    shared = make(_trust_env=False)

    def context(*, _trust_env: bool = True) -> ssl.SSLContext:
        names_own = any(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
        return make() if _trust_env and names_own else shared

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", context)
        yield
