"""What the error texts of many servers say: a window that was too small, a quota used up.

The wordings are those of OpenAI, Azure, vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenRouter,
LiteLLM, Groq, Mistral, Gemini, Vertex AI, xAI, Cohere, TGI, Together, DeepSeek, Cerebras, Moonshot,
MiniMax, DashScope, Zhipu, GitHub Copilot and Anthropic-compatible servers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "ErrorReport",
    "context_numbers",
    "is_context_length",
    "is_quota",
]


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """What one error object told, whatever its shape; empty where it told nothing."""

    text: str = ""
    code: str = ""
    kind: str = ""
    """Its ``type``."""
    parameter: str = ""
    locations: tuple[str, ...] = ()
    """Fields of the request that a validation error names."""
    window: int | None = None
    prompt_tokens: int | None = None


_NUMBER = r"(\d[\d,_]*)"
_CONTEXT_LENGTH = re.compile(
    r"""(?ix)
    (?:maximum | max | model(?:'s)? | input) [ _-]* context [ _-]* (?:length|size|window|limit)
    | exceed\w* [ ] (?:the [ ])? (?:\w+ [ ]){0,3} context
    | context [ _-]* (?:length|size|window|limit) [^.]{0,40} (?:exceed|too [ ] small|overflow|only)
    | context_length_exceeded | exceed_context_size
    | (?:prompt|input|message\w*|request|conversation) [ ] (?:is|are|was) [ ] too [ ] (?:long|large
        [ ] for [ ] (?:the [ ])? (?:model|context))
    | input [ ] length [ ] and [ ] .?max_tokens | too [ ] many [ ] (?:input [ ])? tokens
    | maximum [ ] (?:prompt|input|model) [ ] length | maximum [ ] number [ ] of [ ] (?:input [ ])?
        tokens [ ] allowed
    | too [ ] large [ ] for [ ] model [ ] with | context [ ] the [ ] overflows
    | reduce [ ] the [ ] length [ ] of [ ] the [ ] (?:messages|prompt|input)
    | .inputs. [ ] (?:tokens [ ] \+ | must [ ] have [ ] less)
    | (?:prompt|input) [^.]{0,40} [ ] too [ ] long [ ] to [ ] fit
    | (?:prompt|input) (?: [ ] length)? [^.]{0,30} [ ] exceeds [ ] (?:the [ ])? max(?:imum)? [ ]
        (?:allowed [ ])? (?:input [ ])? length
    | tokens [ ] to [ ] keep [ ] from [ ] the [ ] initial [ ] prompt
    | reached [ ] context [ ] length
    | token [ ] count [ ] (?:is|of) [ ] \d+ [ ] (?:exceeds | but [ ] model [ ] only)
    | exceed\w* [ ] (?:the [ ])? model [ ] token [ ] limit | configured [ ] context [ ] size
    | range [ ] of [ ] input [ ] length [ ] should | greater [ ] than [ ] max_seq_len
    """
)
_OTHERS = re.compile(
    r"(?i)\btokens per (?:min|hour|day)|\bTPM\b|\brate.?limit|\bplease wait\b"
    r"|output (?:token )?limit|\bmodel (?:produced|generated)"
)
"""What speaks of a rate, or of the answer's length."""
_WINDOW = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"exceed context limit: {_NUMBER} \+ {_NUMBER} > (?P<n>\d[\d,_]*)",
        rf"{_NUMBER} tokens > (?P<n>\d[\d,_]*) maximum",
        rf"context (?:length|size|window|limit)(?: is| of)? (?:only |limited to )?\(?{_NUMBER}",
        rf"maximum (?:prompt|model|input) length (?:is |of )?{_NUMBER}",
        rf"maximum allowed (?:input )?length (?:of |\(){_NUMBER}",
        rf"model with {_NUMBER} maximum context length",
        rf"configured limit of {_NUMBER}",
        rf"model token limit: {_NUMBER}",
        rf"tokens allowed \(?{_NUMBER}",
        rf"only supports up to {_NUMBER}",
        rf"exceeds the limit of {_NUMBER}",
        rf"(?:limit for this model|while limit) is {_NUMBER}",
        rf"input length should be \[\d+, ?{_NUMBER}\]",
        rf"n_ctx: ?{_NUMBER}",
        rf"max_seq_len {_NUMBER}",
        rf"must have less than {_NUMBER} tokens",
        rf"cannot exceed {_NUMBER}",
        rf"must be <= {_NUMBER}",
        rf"(?:limit|maximum|at most|up to) (?:of |is )?{_NUMBER} tokens",
    )
)
_PROMPT = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_NUMBER} (?:tokens )?(?:in|from|of) (?:the |your )?"
        r"(?:messages|prompt|(?:text )?input)\b",
        rf"(?:has|have|with|passed|given|given:|at least) {_NUMBER} .?input.? ?tokens",
        rf"Given: {_NUMBER}\b",
        rf"messages resulted in {_NUMBER} tokens",
        rf"request \({_NUMBER} tokens",
        rf"input \({_NUMBER} tokens",
        rf"(?<!maximum )(?:input|prompt) length \(?{_NUMBER}",
        rf"input token count \({_NUMBER}\)",
        rf"token count (?:is|of) {_NUMBER}",
        rf"\((?:total )?length {_NUMBER}\)",
        rf"(?:prompt|request) (?:contains|has) {_NUMBER} tokens",
        rf"keep the first {_NUMBER} tokens",
        rf"n_keep: ?{_NUMBER}",
        rf"too long: {_NUMBER}\b",
        rf"context limit: {_NUMBER} \+",
        rf"received {_NUMBER}",
        rf"current length is {_NUMBER}",
        rf"\(requested: {_NUMBER}\)",
        rf"requested tokens \({_NUMBER}\)",
        rf"requested (?:about |a total of )?{_NUMBER} tokens",
    )
)


def is_context_length(report: ErrorReport) -> bool:
    """Say whether the request was longer than the model's context window."""
    if report.code == "context_length_exceeded" or report.kind == "exceed_context_size_error":
        return True
    return _CONTEXT_LENGTH.search(report.text) is not None and not _OTHERS.search(report.text)


def context_numbers(report: ErrorReport) -> tuple[int | None, int | None]:
    """Read the window and the prompt's tokens from an error about the context length."""
    window = report.window if report.window is not None else _number(_WINDOW, report.text)
    prompt = report.prompt_tokens
    if prompt is None:
        prompt = _number(_PROMPT, report.text)
    return window, prompt


def _number(patterns: Iterable[re.Pattern[str]], text: str) -> int | None:
    for pattern in patterns:
        if match := pattern.search(text):
            digits = re.sub(r"\D", "", match.groupdict().get("n") or match.group(1))
            # A text may hold digits without end, which int() would refuse.
            return int(digits) if 0 < len(digits) < 12 else None
    return None


_QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "insufficient_credits", "quota_exceeded"}
)
_QUOTA = re.compile(
    r"(?i)exceeded your (?:current|monthly) quota|insufficient[ _](?:quota|credit|balance|funds)|"
    r"credit balance is too low|out of credits|requires more credits|billing (?:hard )?limit"
)


def is_quota(report: ErrorReport) -> bool:
    """Say whether the account, not the moment, is what ran out."""
    if report.code in _QUOTA_CODES or report.kind in _QUOTA_CODES:
        return True
    return _QUOTA.search(report.text) is not None
