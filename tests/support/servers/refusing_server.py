"""Servers that refuse a field of the request, in the shapes of known servers."""

import json
from collections.abc import Callable
from typing import Any

from tests.support.servers.sse_replies import Answer, Raw, RecordedRequest, Reply

__all__ = ["SHAPES", "Shape", "azure", "json_error", "openai", "refusing", "vllm"]

Shape = Callable[[str], tuple[int, Any]]


def openai(name: str) -> tuple[int, Any]:
    return 400, {
        "error": {
            "message": f"Unsupported parameter: '{name}' is not supported with this model.",
            "type": "invalid_request_error",
            "param": name,
            "code": "unsupported_parameter",
        }
    }


def azure(name: str) -> tuple[int, Any]:
    message = f"Unrecognized request argument supplied: {name}"
    return 400, {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
    }


def vllm(name: str) -> tuple[int, Any]:
    return 400, {
        "object": "error",
        "message": f"[{{'type': 'extra_forbidden', 'loc': ('body', '{name}'), 'msg': 'Extra "
        "inputs are not permitted', 'input': 1}]",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }


def llama_cpp(name: str) -> tuple[int, Any]:
    return 400, {
        "error": {
            "code": 400,
            "message": f"Unsupported param: {name}",
            "type": "invalid_request_error",
        }
    }


def fastapi(name: str) -> tuple[int, Any]:
    return 422, {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", name],
                "msg": "Extra inputs are not permitted",
                "input": 1,
            }
        ]
    }


SHAPES: list[Shape] = [openai, azure, vllm, llama_cpp, fastapi]


def json_error(status: int, body: Any) -> Raw:
    return Raw([json.dumps(body).encode()], status, "application/json")


def refusing(name: str, shape: Shape) -> Callable[[RecordedRequest], Reply]:
    def choose(request: RecordedRequest) -> Reply:
        if name in request.body:
            return json_error(*shape(name))
        return Answer("all is well")

    return choose
