"""The list of models, in the forms that servers give it. No I/O."""

from collections.abc import Sequence

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.ports.chat_model import ModelInfo
from chatrepl.services.openai_api.errors.responses import (
    RequestFacts,
    error_from_payload,
    excerpt,
    html_title,
    looks_like_html,
)
from chatrepl.services.openai_api.stream.chunks import parse_json

__all__ = ["parse_models"]

# vLLM; OpenRouter and Together; Groq; Mistral and LM Studio; LiteLLM; llama.cpp (under "meta").
_WINDOW_FIELDS = (
    "max_model_len",
    "context_length",
    "context_window",
    "loaded_context_length",
    "max_context_length",
    "max_input_tokens",
    "n_ctx",
    "n_ctx_train",
)


def parse_models(text: str, facts: RequestFacts) -> Sequence[ModelInfo]:
    """Read a body of ``/models``, in the server's order. Raises ``ModelError``."""
    if looks_like_html(text):
        raise _no_list(facts, html_title(text) or "a web page")
    try:
        payload = parse_json(text)
    except ValueError:
        raise _no_list(facts, text) from None
    rows = payload
    if isinstance(payload, dict):
        rows = payload.get("data")
        if not isinstance(rows, list):
            rows = payload.get("models")
        if not isinstance(rows, list) and (error := error_from_payload(payload, "", facts)):
            raise error
    if not isinstance(rows, list):
        raise _no_list(facts, text)
    found: dict[str, ModelInfo] = {}
    for row in rows:
        if (model := _model(row)) is not None:
            found.setdefault(model.id, model)
    return tuple(found.values())


def _no_list(facts: RequestFacts, said: str) -> ModelError:
    return ModelError(
        f"{facts.host} sent no list of models: {excerpt(said, facts.key)}",
        "check base_url, or name the model with /model NAME",
        fault=Fault.BAD_RESPONSE,
    )


def _model(row: object) -> ModelInfo | None:
    if isinstance(row, str):
        return ModelInfo(row) if row else None
    if not isinstance(row, dict):
        return None
    names = (row.get("id"), row.get("model"), row.get("name"))
    name = next((name for name in names if name and isinstance(name, str)), None)
    if name is None:
        return None
    owner = row.get("owned_by")
    return ModelInfo(name, owner if isinstance(owner, str) else "", _window(row))


def _window(row: dict[str, object]) -> int | None:
    for place in (row, row.get("meta"), row.get("top_provider")):
        if isinstance(place, dict):
            for field in _WINDOW_FIELDS:
                window = place.get(field)
                if type(window) is int and 0 < window < 2**53:
                    return window
    return None
