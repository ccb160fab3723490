"""Responses in the API's own form, reassembled from their answers."""

from collections.abc import Sequence

from chatrepl.core.conversation.branches import answers_to
from chatrepl.core.conversation.metadata import (
    FINGERPRINT_FIELD,
    LOGPROBS_FIELD,
    RESPONSE_FIELD,
    TOOL_CALLS_FIELD,
    USAGE_FIELD,
    choice_of,
    continued_chars,
    created_s,
    field_of,
    refusal_of,
)
from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, Usage


def answers_of_response(conversation: Conversation, answer: Message) -> Sequence[Message]:
    """Return all answers of one response, in the order of their choices."""
    siblings = answers_to(conversation, answer.parent) if answer.response_id else ()
    choices = {
        choice_of(other): other
        for other in siblings
        if (other.response_id, created_s(other)) == (answer.response_id, created_s(answer))
    }
    # A server may give every response the same id; then an answer is its own response's.
    choices[choice_of(answer)] = answer
    return [choices[choice] for choice in sorted(choices)]


def format_usage(usage: Usage) -> str:
    """Format the reported parts of usage."""
    return ", ".join(
        f"{name} {count:,}"
        for name, count in (
            ("prompt", usage.prompt_tokens),
            ("completion", usage.completion_tokens),
            ("cached", usage.cached_tokens),
            ("reasoning", usage.reasoning_tokens),
        )
        if count is not None
    )


def completion_of(conversation: Conversation, answer: Message) -> dict[str, Json]:
    """Return the response that contained an answer as the API's chat-completion object."""
    answers = answers_of_response(conversation, answer)
    fingerprint = answer.extra.get(FINGERPRINT_FIELD)
    tier = field_of(answer, RESPONSE_FIELD).get("service_tier")
    created = created_s(answer)
    usage = next(filter(None, map(_usage, answers)), None)
    return {
        "id": answer.response_id,
        "object": "chat.completion",
        "created": int(answer.created.timestamp()) if created is None else created,
        "model": answer.model,
        **({FINGERPRINT_FIELD: fingerprint} if fingerprint else {}),
        **({"service_tier": tier} if tier else {}),
        "choices": [*map(_choice_object, answers)],
        **({"usage": usage} if usage else {}),
    }


def _choice_object(answer: Message) -> Json:
    return {
        "index": choice_of(answer),
        "message": _message(answer),
        "logprobs": _logprobs(answer),
        "finish_reason": answer.finish_reason,
    }


def _logprobs(answer: Message) -> Json:
    """Return an answer's scores with all fields of the API's form, also those not stored."""
    stored = answer.extra.get(LOGPROBS_FIELD)
    rows = stored.get("content") if isinstance(stored, dict) else None
    if not isinstance(rows, list):
        return stored
    completed: list[Json] = []
    for row in rows:
        fields = row if isinstance(row, dict) else {}
        data: list[Json] = [*str(fields.get("token", "")).encode("utf-8", "replace")]
        completed.append({"bytes": data, "top_logprobs": [], **fields})
    return {"content": completed}


def _message(answer: Message) -> dict[str, Json]:
    content_chars, reasoning_chars = continued_chars(answer)
    refusal = refusal_of(answer)
    content = answer.content[content_chars:].removesuffix(refusal)
    reasoning, calls = answer.reasoning[reasoning_chars:], answer.extra.get(TOOL_CALLS_FIELD)
    is_none = not content and bool(refusal or calls)
    return {
        "role": "assistant",
        "content": None if is_none else content,
        **({"refusal": refusal} if refusal else {}),
        **({"reasoning_content": reasoning} if reasoning else {}),
        **({TOOL_CALLS_FIELD: calls} if calls else {}),
    }


def _usage(answer: Message) -> dict[str, Json] | None:
    sent = {**field_of(answer, USAGE_FIELD)}
    if "prompt_tokens" in sent or "completion_tokens" in sent or answer.usage is None:
        return sent or None
    return {**_nested(answer.usage), **sent}


def _nested(usage: Usage) -> dict[str, Json]:
    """Convert usage to the API's form."""
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    nested: dict[str, Json] = {"prompt_tokens": prompt, "completion_tokens": completion}
    if prompt is not None and completion is not None:
        nested["total_tokens"] = prompt + completion
    if usage.cached_tokens is not None:
        nested["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens is not None:
        nested["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return nested
