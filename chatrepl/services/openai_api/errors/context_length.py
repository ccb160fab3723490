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
    "numbers_of_length",
    "seems_too_long",
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


_GROUP = r"(\d[\d,_]*)"
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
_OTHER_LIMITS = re.compile(
    r"(?i)\btokens per (?:min|hour|day)|\bTPM\b|\brate.?limit|\bplease wait\b"
    r"|output (?:token )?limit|\bmodel (?:produced|generated)"
)
"""What speaks of a rate, or of the answer's length."""
_WINDOW = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"exceed context limit: {_GROUP} \+ {_GROUP} > (?P<n>\d[\d,_]*)",
        rf"{_GROUP} tokens > (?P<n>\d[\d,_]*) maximum",
        rf"context (?:length|size|window|limit)(?: is| of)? (?:only |limited to )?\(?{_GROUP}",
        rf"maximum (?:prompt|model|input) length (?:is |of )?{_GROUP}",
        rf"maximum allowed (?:input )?length (?:of |\(){_GROUP}",
        rf"model with {_GROUP} maximum context length",
        rf"configured limit of {_GROUP}",
        rf"model token limit: {_GROUP}",
        rf"tokens allowed \(?{_GROUP}",
        rf"only supports up to {_GROUP}",
        rf"exceeds the limit of {_GROUP}",
        rf"(?:limit for this model|while limit) is {_GROUP}",
        rf"input length should be \[\d+, ?{_GROUP}\]",
        rf"n_ctx: ?{_GROUP}",
        rf"max_seq_len {_GROUP}",
        rf"must have less than {_GROUP} tokens",
        rf"cannot exceed {_GROUP}",
        rf"must be <= {_GROUP}",
        rf"(?:limit|maximum|at most|up to) (?:of |is )?{_GROUP} tokens",
    )
)
_PROMPT = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_GROUP} (?:tokens )?(?:in|from|of) (?:the |your )?"
        r"(?:messages|prompt|(?:text )?input)\b",
        rf"(?:has|have|with|passed|given|given:|at least) {_GROUP} .?input.? ?tokens",
        rf"Given: {_GROUP}\b",
        rf"messages resulted in {_GROUP} tokens",
        rf"request \({_GROUP} tokens",
        rf"input \({_GROUP} tokens",
        rf"(?<!maximum )(?:input|prompt) length \(?{_GROUP}",
        rf"input token count \({_GROUP}\)",
        rf"token count (?:is|of) {_GROUP}",
        rf"\((?:total )?length {_GROUP}\)",
        rf"(?:prompt|request) (?:contains|has) {_GROUP} tokens",
        rf"keep the first {_GROUP} tokens",
        rf"n_keep: ?{_GROUP}",
        rf"too long: {_GROUP}\b",
        rf"context limit: {_GROUP} \+",
        rf"received {_GROUP}",
        rf"current length is {_GROUP}",
        rf"\(requested: {_GROUP}\)",
        rf"requested tokens \({_GROUP}\)",
        rf"requested (?:about |a total of )?{_GROUP} tokens",
    )
)


def is_context_length(report: ErrorReport) -> bool:
    """Say whether the request was longer than the model's context window."""
    if report.code == "context_length_exceeded" or report.kind == "exceed_context_size_error":
        return True
    return _CONTEXT_LENGTH.search(report.text) is not None and not _OTHER_LIMITS.search(report.text)


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


_STATUSES = frozenset({None, 400, 413, 422, 500})
_UNIT = re.compile(
    r"(?i)tokens?\b|token[ _-](?:limit|count|window)|context|\bwindow\b|\bsequence\b|max_model_len"
    r"|max_seq_len|n_ctx|max_input|kv[ _-]cache"
)
_WHOLE = re.compile(r"(?i)\b(?:prompt|input|messages|conversation|chat|history|request)\b")
_TOO_MUCH = re.compile(
    r"(?i)exceed|too (?:long|large|big|many|much|small|short)|(?:long|larg|bigg|great|high|small)er"
    r" than|more than|\bover(?: the|flow|run|\b)|beyond|(?:not|n't|cannot) fit|not enough|is full"
    r"|out of (?:context|room|space)|insufficient|surpass|above|\d\)? ?> ?\w|shorten|truncat|reduce"
)
_TOO_LONG = re.compile(r"(?i)too (?:long|large|big)|longer than|(?:not|n't|cannot) fit|shorten")
_OTHERS = re.compile(
    r"(?i)per[ _-](?:min|hour|day|month|user|key)|dai?ly\b|monthly|\bTPM\b|rate.?limit|quota"
    r"|billing|credit|balance|\bwait\b|try again (?:in|later)|\d ?(?:bytes|[KMG]i?B|sec|ms|pixels"
    r"|characters|chars)\b|(?:access|auth\w*|api|bearer|refresh|id|invalid) tokens?\b|logit|stop"
    r"|(?:output|completion|generated|new) (?:tokens|limit)|max_(?:completion_|output_|new_)?tokens"
    r"|tool|image|file|audio|header|entity|\bbody\b"
)
_COUNT = r"\d[\d,_]*"
_NUMBER = re.compile(rf"(?<![\w.-])(?<!\bby )(?:[a-z_]+[=:])?({_COUNT})(?![\w%]|\.\d|-\w)")
_COUNTED = re.compile(rf"(?i)(?<![\w.-]){_COUNT} ?tokens?\b")
_LEAST_TOKENS = 100
"""A smaller number in such a text is a place, a version, or a least value."""
_LIMITING = re.compile(
    r"(?i)limit|max|window|capacity|allow|only|context|accept|support|most|up to|n_ctx"
)
_MORE_THAN_PROMPT = re.compile(r"(?i)requested|total|complet|generat|output|\+|max_tokens")
_CODE_AT_END = re.compile(r"\(\d+\)\W*$")
"""Of an error, not of tokens."""


def seems_too_long(status: int | None, report: ErrorReport) -> bool:
    """Say whether a refusal is about the request's length; ``status`` None: came in a stream.

    It has to speak of tokens or the like, and of too much of them; or to hold two counts of tokens,
    in whatever language. What speaks of time, money, bytes, or the answer's length is another.
    """
    text = report.text
    if status not in _STATUSES or _OTHERS.search(text) or _names_another(report):
        return False
    if _TOO_MUCH.search(text) and _UNIT.search(text):
        return True
    if _WHOLE.search(text) and _TOO_LONG.search(text):
        return True
    return len(_COUNTED.findall(text)) > 1 and len(_numbers(text)) == 2


def numbers_of_length(report: ErrorReport) -> tuple[int | None, int | None]:
    """Read the window and the prompt's tokens.

    Of two numbers the larger was refused and the smaller refused it. What counts the answer, too,
    is no prompt's.
    """
    window, prompt = context_numbers(report)
    numbers = _numbers(report.text)
    if len(numbers) == 2:
        smaller, larger = sorted(numbers)
        is_prompt = window in (None, smaller) and not _MORE_THAN_PROMPT.search(report.text)
        return window or smaller, prompt or (larger if is_prompt else None)
    is_told = window is not None or prompt is not None or _CODE_AT_END.search(report.text)
    if len(numbers) == 1 and not is_told and _LIMITING.search(report.text):
        return numbers.pop(), None
    return window, prompt


def _names_another(report: ErrorReport) -> bool:
    """Say whether the error is about a field that holds no messages."""
    return bool(report.parameter) and not re.match(r"messages|prompt|input", report.parameter)


def _numbers(text: str) -> set[int]:
    found = (re.sub(r"\D", "", number) for number in _NUMBER.findall(text))
    # A text may hold digits without end, which int() would refuse.
    return {int(digits) for digits in found if len(digits) < 12 and int(digits) >= _LEAST_TOKENS}
