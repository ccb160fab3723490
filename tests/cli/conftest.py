"""Fixtures of all these tests."""

from tests.support.servers.shared_tls import share_tls_context

__all__ = ["share_tls_context"]
