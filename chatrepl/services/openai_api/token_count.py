"""Token count of a prompt by the server: an endpoint that llama.cpp adds to the API."""

import asyncio
from typing import TYPE_CHECKING

from chatrepl.services.openai_api.json_fields import field_of, parse_json, positive_int

if TYPE_CHECKING:
    import openai

    from chatrepl.core.ports.chat_model import ChatRequest

__all__ = ["count_prompt"]

_PATH = "/chat/completions/input_tokens"
_LONGEST_WAIT_S = 1.0
_LONGEST_WAIT_FOR_OWN_S = 5.0
"""The built-in model's server always answers, but slowly on a busy machine."""
_NOT_COUNTED = ("stream", "stream_options")


async def count_prompt(client: "openai.AsyncOpenAI", request: "ChatRequest") -> int | None:
    """Return the tokens of a request's prompt; None if the server does not tell them in time."""
    import httpx2

    from chatrepl.services.openai_api.clients import headers_for

    body = {key: value for key, value in request.body.items() if key not in _NOT_COUNTED}
    wait_s = _LONGEST_WAIT_FOR_OWN_S if request.server.is_local else _LONGEST_WAIT_S
    try:
        async with asyncio.timeout(wait_s):
            response = await client.post(
                _PATH,
                cast_to=httpx2.Response,
                body=body,
                options={"headers": headers_for(request.server), "max_retries": 0},
            )
        return positive_int(field_of(parse_json(response.text), "input_tokens"))
    except Exception:  # noqa: BLE001 - on any failure, the count is estimated instead
        return None
