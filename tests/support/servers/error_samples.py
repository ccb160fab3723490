"""Error responses of a server, and the errors made of them."""

import json
from typing import Any

from chatrepl.core.errors import ModelError
from chatrepl.core.ports.chat_model import Secret, Server
from chatrepl.services.openai_api.errors.responses import RequestFacts, error_from_status

__all__ = ["KEY", "error", "facts", "openai_body"]

KEY = "sk-canary-0123456789abcdef"
SENT = (
    "model messages stream stream_options max_tokens max_completion_tokens temperature top_p n "
    "stop seed user logit_bias logprobs top_logprobs frequency_penalty presence_penalty "
    "response_format reasoning_effort verbosity service_tier top_k"
)


def facts(base_url: str = "https://api.example.com/v1") -> RequestFacts:
    server = Server(base_url, "test", api_key=Secret(KEY), key_origin="TEST_KEY")
    return RequestFacts(server, frozenset(SENT.split()))


def error(status: int, body: Any, headers: dict[str, str] | None = None) -> ModelError:
    text = body if isinstance(body, str) else json.dumps(body)
    return error_from_status(status, headers or {}, text, facts())


def openai_body(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **fields}}
