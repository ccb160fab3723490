"""Parser of the list of models, in the forms that servers give it. No I/O."""

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
from chatrepl.services.openai_api.json_fields import field_of, parse_json, positive_int, text_of

# vLLM; OpenRouter and Together; Groq; LM Studio; Mistral and LM Studio; LiteLLM; llama.cpp, under
# "meta".
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
    """Parse the body of ``/models``; the order is the server's. Raises ``ModelError``."""
    if looks_like_html(text):
        raise _no_list(facts, html_title(text) or "a web page")
    try:
        payload = parse_json(text)
    except ValueError:
        raise _no_list(facts, text) from None
    forms = (payload, field_of(payload, "data"), field_of(payload, "models"))
    rows = next((form for form in forms if isinstance(form, list)), None)
    if rows is None:
        error = error_from_payload(payload, "", facts) if isinstance(payload, dict) else None
        raise error or _no_list(facts, text)
    found: dict[str, ModelInfo] = {}
    for row in rows:
        if (model := _model(row)) is not None:
            found.setdefault(model.id, model)
    return tuple(found.values())


def _no_list(facts: RequestFacts, body: str) -> ModelError:
    return ModelError(
        f"{facts.host} sent no list of models: {excerpt(body, facts.key)}",
        "check base_url, or name the model with /model NAME",
        fault=Fault.BAD_RESPONSE,
    )


def _model(row: object) -> ModelInfo | None:
    if isinstance(row, str):
        return ModelInfo(row) if row else None
    if not isinstance(row, dict):
        return None
    names = (text_of(row.get(field)) for field in ("id", "model", "name"))
    name = next((name for name in names if name), None)
    if name is None:
        return None
    return ModelInfo(name, text_of(row.get("owned_by")), _window(row))


def _window(row: dict[str, object]) -> int | None:
    for place in (row, row.get("meta"), row.get("top_provider")):
        for field in _WINDOW_FIELDS:
            if window := positive_int(field_of(place, field)):
                return window
    return None
