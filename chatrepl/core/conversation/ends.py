"""Ends of answers: the finish reasons of all servers, in one table."""

from enum import Enum


class End(Enum):
    """The class of a finish reason: what it says of the answer."""

    WHOLE = "whole"
    CUT = "cut"
    """Cut by a limit on length: there may be more of it."""
    FILTERED = "filtered"
    """Ended, or withheld, by a content filter."""
    TOOLS = "tools"
    """Ended by the call of a tool."""
    FAILED = "failed"
    """The server or the model behind it failed."""
    UNKNOWN = "unknown"
    """In no table: neither a success nor a failure may be concluded from it."""


# Sources: OpenAI and its like; Anthropic; Gemini; Mistral; Cohere; DeepSeek; Zhipu; Hugging Face's
# text-generation-inference; vLLM and SGLang; OpenRouter; LiteLLM; Bedrock.
_WORDS: dict[End, str] = {
    End.WHOLE: "stop eos eos_token end_turn stop_sequence complete completed end finished",
    End.CUT: (
        "length max_tokens max_output_tokens max_completion_tokens model_length max_length "
        "model_context_window_exceeded context_length_exceeded error_limit"
    ),
    End.FILTERED: (
        "content_filter content_filtered safety sensitive recitation blocklist "
        "prohibited_content spii image_safety guardrail_intervened refusal error_toxic"
    ),
    End.TOOLS: "tool_calls tool_call function_call tool_use",
    End.FAILED: (
        "error network_error abort aborted cancelled canceled failed timeout "
        "insufficient_system_resource server_error internal_error malformed_function_call"
    ),
}
_ENDS: dict[str, End] = {word: end for end, words in _WORDS.items() for word in words.split()}
_NO_REASONS = frozenset({"", "null", "none", "unspecified"})


def is_no_reason(finish_reason: str) -> bool:
    """Return whether a text only says that there is no finish reason yet."""
    return _word(finish_reason) in _NO_REASONS


def end_of(finish_reason: str | None) -> End:
    """Return what a finish reason says; no reason says nothing against the answer."""
    if finish_reason is None or is_no_reason(finish_reason):
        return End.WHOLE
    return _ENDS.get(_word(finish_reason), End.UNKNOWN)


def _word(finish_reason: str) -> str:
    """Return a reason in lower case, without the name of an enumeration before it."""
    return finish_reason.strip().lower().rpartition(".")[2].removeprefix("finish_reason_")
