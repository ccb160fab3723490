"""Ask a server how many tokens a prompt is: llama.cpp and its like offer that beside the API."""

import asyncio
from typing import TYPE_CHECKING

from chatrepl.services.openai_api.stream.chunks import parse_json

if TYPE_CHECKING:
    import openai

    from chatrepl.core.ports.chat_model import ChatRequest

__all__ = ["count_prompt"]

_PATH = "/chat/completions/input_tokens"
_LONGEST_WAIT_S = 1.0
_LONGEST_WAIT_FOR_OWN_S = 5.0
"""The built-in model's server surely tells; on a busy machine it is late."""
_NOT_COUNTED = ("stream", "stream_options")


async def count_prompt(client: "openai.AsyncOpenAI", request: "ChatRequest") -> int | None:
    """Return the tokens of a request's prompt; None: the server does not tell, or not in time."""
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
        return _tokens(response.text)
    except Exception:  # noqa: BLE001 - whatever goes wrong: the count is made here, then
        return None


def _tokens(text: str) -> int | None:
    try:
        payload = parse_json(text)
    except ValueError:
        return None
    tokens = payload.get("input_tokens") if isinstance(payload, dict) else None
    return tokens if type(tokens) is int and 0 < tokens < 2**53 else None
