"""Detection of context-length and quota errors by their texts, and of the numbers in them.

First come the known wordings: of OpenAI, Azure, vLLM, SGLang, llama.cpp, Ollama, LM Studio,
OpenRouter, LiteLLM, Groq, Mistral, Gemini, Vertex AI, xAI, Cohere, TGI, Together, DeepSeek,
Cerebras, Moonshot, MiniMax, DashScope, Zhipu, GitHub Copilot and Anthropic-compatible servers. A
heuristic recognises others by their words.
"""

import re

from chatrepl.services.openai_api.errors.payloads import DIGITS, ErrorReport, integer_of

_N = rf"({DIGITS})"
# Known wordings, with the servers that use them. The first is OpenAI's, and copied by most others.
_CONTEXT_LENGTH = re.compile(
    r"""(?ix)
    (?:maximum | max | model(?:'s)? | input) [ _-]* context [ _-]* (?:length|size|window|limit)
    | exceed\w* [ ] (?:the [ ])? (?:\w+ [ ]){0,3} context             # OpenAI, llama.cpp, Anthropic
    | context [ _-]* (?:length|size|window|limit)                       # MiniMax, LM Studio
        [^.]{0,40} (?:exceed|too [ ] small|overflow|only)
    | context_length_exceeded | exceed_context_size                     # codes: OpenAI; llama.cpp
    | (?:prompt|input|message\w*|request|conversation) [ ] (?:is|are|was) [ ] too [ ]
        (?:long|large [ ] for [ ] (?:the [ ])? (?:model|context))       # Anthropic, Bedrock
    | input [ ] length [ ] and [ ] .?max_tokens                         # Anthropic
    | too [ ] many [ ] (?:input [ ])? tokens                            # Cohere
    | maximum [ ] (?:prompt|input|model) [ ] length                     # xAI, vLLM
    | maximum [ ] number [ ] of [ ] (?:input [ ])? tokens [ ] allowed   # Gemini
    | too [ ] large [ ] for [ ] model [ ] with                          # Mistral
    | reduce [ ] the [ ] length [ ] of [ ] the [ ] (?:messages|prompt|input)  # OpenAI, Groq
    | .inputs. [ ] (?:tokens [ ] \+ | must [ ] have [ ] less)           # TGI, Together
    | (?:prompt|input) [^.]{0,40} [ ] too [ ] long [ ] to [ ] fit       # vLLM
    | (?:prompt|input) (?: [ ] length)? [^.]{0,30} [ ] exceeds [ ] (?:the [ ])? max(?:imum)? [ ]
        (?:allowed [ ])? (?:input [ ])? length                          # SGLang, OpenRouter, Zhipu
    | context [ ] the [ ] overflows | reached [ ] context [ ] length    # LM Studio
    | tokens [ ] to [ ] keep [ ] from [ ] the [ ] initial [ ] prompt    # LM Studio
    | token [ ] count [ ] (?:is|of) [ ] \d+ [ ]                         # GitHub Copilot, Vertex AI
        (?:exceeds | but [ ] model [ ] only)
    | exceed\w* [ ] (?:the [ ])? model [ ] token [ ] limit              # Moonshot
    | range [ ] of [ ] input [ ] length [ ] should                      # DashScope
    | configured [ ] context [ ] size | greater [ ] than [ ] max_seq_len
    """
)
_OTHER_LIMITS = re.compile(
    r"(?i)\btokens per (?:min|hour|day)|\bTPM\b|\brate.?limit|\bplease wait\b"
    r"|output (?:token )?limit|\bmodel (?:produced|generated)"
)
"""Texts about a rate, or about the answer's length."""
_WINDOW_PATTERNS = (
    rf"exceed context limit: {_N} \+ {_N} > (?P<n>{DIGITS})",  # Anthropic
    rf"{_N} tokens > (?P<n>{DIGITS}) maximum",  # Anthropic
    # OpenAI and most others
    rf"context (?:length|size|window|limit)(?: is| of)? (?:only |limited to )?\(?{_N}",
    rf"maximum (?:prompt|model|input) length (?:is |of )?{_N}",  # xAI, vLLM
    rf"maximum allowed (?:input )?length (?:of |\(){_N}",  # SGLang, OpenRouter
    rf"model with {_N} maximum context length",  # Mistral
    rf"configured limit of {_N}",  # OpenAI
    rf"model token limit: {_N}",  # Moonshot
    rf"tokens allowed \(?{_N}",  # Gemini
    rf"only supports up to {_N}",  # Vertex AI
    rf"exceeds the limit of {_N}",  # GitHub Copilot
    rf"(?:limit for this model|while limit) is {_N}",  # Cohere, Cerebras
    rf"input length should be \[\d+, ?{_N}\]",  # DashScope
    rf"n_ctx: ?{_N}",  # LM Studio
    rf"max_seq_len {_N}",
    rf"must have less than {_N} tokens",  # TGI
    rf"cannot exceed {_N}",  # Cohere
    rf"must be <= {_N}",  # TGI, Together
    rf"(?:limit|maximum|at most|up to) (?:of |is )?{_N} tokens",
)
_PROMPT_PATTERNS = (
    # OpenAI, DeepSeek; SGLang; OpenRouter
    rf"{_N} (?:tokens )?(?:in|from|of) (?:the |your )?(?:messages|prompt|(?:text )?input)\b",
    # vLLM, TGI
    rf"(?:has|have|with|passed|given|given:|at least) {_N} .?input.? ?tokens",
    rf"Given: {_N}\b",  # TGI
    rf"messages resulted in {_N} tokens",  # OpenAI
    rf"request \({_N} tokens",  # llama.cpp
    rf"input \({_N} tokens",  # SGLang
    rf"(?<!maximum )(?:input|prompt) length \(?{_N}",  # SGLang, OpenRouter
    rf"input token count \({_N}\)",  # Gemini
    rf"token count (?:is|of) {_N}",  # Vertex AI, GitHub Copilot
    rf"\((?:total )?length {_N}\)",  # vLLM
    rf"(?:prompt|request) (?:contains|has) {_N} tokens",  # Mistral, xAI
    rf"keep the first {_N} tokens",  # LM Studio
    rf"n_keep: ?{_N}",  # LM Studio
    rf"too long: {_N}\b",  # Anthropic
    rf"context limit: {_N} \+",  # Anthropic
    rf"received {_N}",  # Cohere
    rf"current length is {_N}",  # Cerebras
    rf"\(requested: {_N}\)",  # Moonshot
    rf"requested tokens \({_N}\)",  # llama-cpp-python
    # OpenAI, OpenRouter, SGLang, where the prompt's part is unknown
    rf"requested (?:about |a total of )?{_N} tokens",
)

_QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "insufficient_credits", "quota_exceeded"}
)
# OpenAI; DeepSeek and xAI; Anthropic; OpenRouter.
_QUOTA = re.compile(
    r"(?i)exceeded your (?:current|monthly) quota|insufficient[ _](?:quota|credit|balance|funds)|"
    r"credit balance is too low|out of credits|requires more credits|billing (?:hard )?limit"
)

# Words of the heuristic for servers whose wording is unknown.
_STATUSES = frozenset({None, 400, 413, 422, 500})
_TOKEN_WORD = re.compile(
    r"(?i)tokens?\b|token[ _-](?:limit|count|window)|context|\bwindow\b|\bsequence\b|max_model_len"
    r"|max_seq_len|n_ctx|max_input|kv[ _-]cache"
)
_REQUEST_WORD = re.compile(r"(?i)\b(?:prompt|input|messages|conversation|chat|history|request)\b")
_EXCESS_WORD = re.compile(
    r"(?i)exceed|too (?:long|large|big|many|much|small|short)|(?:long|larg|bigg|great|high|small)er"
    r" than|more than|\bover(?: the|flow|run|\b)|beyond|(?:not|n't|cannot) fit|not enough|is full"
    r"|out of (?:context|room|space)|insufficient|surpass|above|\d\)? ?> ?\w|shorten|truncat|reduce"
)
_TOO_LONG = re.compile(r"(?i)too (?:long|large|big)|longer than|(?:not|n't|cannot) fit|shorten")
_OTHER_TOPIC = re.compile(
    r"(?i)per[ _-](?:min|hour|day|month|user|key)|dai?ly\b|monthly|\bTPM\b|rate.?limit|quota"
    r"|billing|credit|balance|\bwait\b|try again (?:in|later)|\d ?(?:bytes|[KMG]i?B|sec|ms|pixels"
    r"|characters|chars)\b|(?:access|auth\w*|api|bearer|refresh|id|invalid) tokens?\b|logit|stop"
    r"|(?:output|completion|generated|new) (?:tokens|limit)|max_(?:completion_|output_|new_)?tokens"
    r"|tool|image|file|audio|header|entity|\bbody\b"
)
"""Time, money, bytes, keys, the answer's length, parts of the request other than text."""
_NUMBER = re.compile(rf"(?<![\w.-])(?<!\bby )(?:[a-z_]{{1,40}}[=:])?{_N}(?![\w%]|\.\d|-\w)")
_TOKEN_COUNT = re.compile(rf"(?i)(?<![\w.-]){DIGITS} ?tokens?\b")
_LEAST_TOKENS = 100
"""A smaller number in such a text is a position, a version, or a minimum."""
_LIMIT_WORD = re.compile(
    r"(?i)limit|max|window|capacity|allow|only|context|accept|support|most|up to|n_ctx"
)
_ANSWER_WORD = re.compile(r"(?i)requested|total|complet|generat|output|\+|max_tokens")
"""The number includes the answer's tokens."""
_CODE_AT_END = re.compile(r"\(\d+\)\W*$")
"""An error code, as of MiniMax, not a count of tokens."""


def is_context_length(report: ErrorReport) -> bool:
    """Return whether an error says, in known words, that the request exceeds the context window."""
    if report.code == "context_length_exceeded" or report.error_type == "exceed_context_size_error":
        return True
    return _CONTEXT_LENGTH.search(report.text) is not None and not _OTHER_LIMITS.search(report.text)


def is_quota(report: ErrorReport) -> bool:
    """Return whether the account's quota or credit is used up (no mere rate limit)."""
    if report.code in _QUOTA_CODES or report.error_type in _QUOTA_CODES:
        return True
    return _QUOTA.search(report.text) is not None


def seems_too_long(status: int | None, report: ErrorReport) -> bool:
    """Guess whether an error in unknown words is about the request's length.

    It has to speak of tokens or the like, and of too many of them; or to hold two token counts, in
    whatever language. ``status`` None: the error came in a stream.
    """
    text = report.text
    if status not in _STATUSES or _OTHER_TOPIC.search(text) or _is_about_other_field(report):
        return False
    if _EXCESS_WORD.search(text) and _TOKEN_WORD.search(text):
        return True
    if _REQUEST_WORD.search(text) and _TOO_LONG.search(text):
        return True
    return len(_TOKEN_COUNT.findall(text)) > 1 and len(_numbers(text)) == 2


def length_numbers(report: ErrorReport) -> tuple[int | None, int | None]:
    """Read the context window and the prompt's length, both in tokens; None if unknown.

    Of two numbers in unknown words, the smaller is the window and the larger the prompt, unless it
    includes the answer.
    """
    text = report.text
    window = report.window or report.first_number(_WINDOW_PATTERNS)
    prompt = report.prompt_tokens or report.first_number(_PROMPT_PATTERNS)
    numbers = _numbers(text)
    if len(numbers) == 2:
        smaller, larger = sorted(numbers)
        is_prompt = window in (None, smaller) and not _ANSWER_WORD.search(text)
        return window or smaller, prompt or (larger if is_prompt else None)
    is_known = window is not None or prompt is not None or _CODE_AT_END.search(text)
    if len(numbers) == 1 and not is_known and _LIMIT_WORD.search(text):
        return numbers.pop(), None
    return window, prompt


def _is_about_other_field(report: ErrorReport) -> bool:
    """Return whether the error names a field that holds no messages."""
    return bool(report.parameter) and not re.match(r"messages|prompt|input", report.parameter)


def _numbers(text: str) -> set[int]:
    """Return the different numbers of a text that may be token counts."""
    numbers = map(integer_of, _NUMBER.findall(text))
    return {number for number in numbers if number is not None and number >= _LEAST_TOKENS}
