"""What the error texts of many servers say: a refused parameter, a window that was too small.

The wordings are those of OpenAI, Azure, vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenRouter,
LiteLLM, Groq, Mistral, Gemini, Vertex AI, xAI, Cohere, TGI, Together, DeepSeek, Cerebras, Moonshot,
MiniMax, DashScope, Zhipu, GitHub Copilot and Anthropic-compatible servers.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

__all__ = [
    "ErrorReport",
    "context_numbers",
    "is_context_length",
    "is_quota",
    "most_answers",
    "refused_parameter",
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


# Words that say: this field, or this value of it, cannot be used here at all. A value out of range
# is something else: leaving it out would not be what the user wants.
_REFUSAL = re.compile(
    r"""(?ix)
    \b unsupported | \b not [ ] (?:yet [ ])? (?:currently [ ])? support(?:ed)? \b
    | (?:does | do) (?: [ ] not | n't) [ ] (?:currently [ ])? support
    | unrecogni[sz]ed | unknown [ ] (?:field|name|parameter|param|argument|property|key|option)
    | unexpected [ ] (?:field|parameter|argument|keyword|property|key)
    | extra [ ] (?:input|field|parameter)s? [ ] (?:are [ ]|is [ ])? not [ ] (?:permitted|allowed)
    | extra_forbidden | value_error\.extra | extraneous | additional [ ] propert
    | not [ ] (?:a [ ])? (?:permitted|allowed|valid [ ] (?:field|parameter|argument|property))
    | cannot [ ] find [ ] field | invalid [ ] (?:field|parameter) [ ] name
    | only [ ] (?:the [ ] default|one [ ] completion|n [ ]? = [ ]? 1|1 [ ] (?:choice|completion))
    | can [ ] only [ ] be [ ] (?:defined|set|used) | is [ ] (?:disabled|not [ ] enabled)
    """
)
_REFUSAL_CODES = frozenset(
    {
        "unsupported_parameter",
        "unsupported_value",
        "unknown_parameter",
        "unrecognized_parameter",
        "extra_forbidden",
        "value_error.extra",
    }
)
_ONE_CHOICE = re.compile(
    r"(?i)only one (?:completion choice|candidate)|multiple candidates|candidate_?count|"
    r"only n ?= ?1|\bn (?:must be|> 1|greater than 1)|"
    r"['\"`]n['\"`]?\s*:?\s*(?:number )?must be (?:at most )?\d|"
    r"['\"`]n['\"`]\s*:\s*(?:value must be between|integer above max)"
)
_QUOTED = re.compile(r"""['"`\[]([A-Za-z_][\w.\[\]]*)['"`\]:]""")
_NAMED = re.compile(
    r"(?i)(?:supplied|param(?:eter)?s?|arguments?|field|property|name|key|body ->"
    r"|unsupported(?! (?:param|arg|field|property|name|key)))"
    r":?\s+[`'\"]?([A-Za-z_]\w*)"
)
_LIST_AFTER_COLON = re.compile(r"(?i)supplied:\s*([\w, ]+)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_CAMEL = re.compile(r"(?<=[a-z])([A-Z])")
_INSTEAD = re.compile(
    r"""(?ix)
    (?: use | try | with | switch [ ] to ) [ ]+ (?:the [ ])? ['"`]? (\w+) ['"`]?
        (?: [ ] parameter | [ ] field)? [ ] instead
    | did [ ] you [ ] mean [ :]+ ['"`]? (\w+)
    | (?:deprecated | replaced)[^.]*? (?: by | favou?r [ ] of | use ) [ ]+ ['"`]? (\w+)
    """
)
_TWINS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

_NEVER_OPTIONAL = frozenset({"model", "messages"})
_PLAIN_WORDS = frozenset({"n", "stop", "user", "stream", "tools", "store", "metadata"})


def refused_parameter(report: ErrorReport, sent: Collection[str]) -> tuple[str, str] | None:
    """Name the field of the request that the server cannot use, and the one it wants instead.

    Args:
        report: the server's error.
        sent: the top-level fields of the request: nothing else can have been refused.

    Returns:
        The field and its replacement (empty if there is none), or None if no field was refused.
    """
    is_refusal = (
        report.code in _REFUSAL_CODES
        or report.kind in _REFUSAL_CODES
        or _REFUSAL.search(report.text) is not None
    )
    candidates: Iterable[str]
    if is_refusal:
        candidates = (report.parameter, *report.locations, *_names_in(report.text))
    elif _is_about_count(report):
        candidates = ("n",)
    else:
        return None
    if _is_about_count(report):
        candidates = (*candidates, "n")
    optional = set(sent) - _NEVER_OPTIONAL
    if _top_level(report.parameter) in _NEVER_OPTIONAL:
        return None
    for candidate in candidates:
        name = _top_level(candidate)
        if name in optional:
            return name, _replacement(report.text, name)
    return None


def most_answers(report: ErrorReport) -> int | None:
    """Read from an error about ``n`` how many answers to a request the server gives."""
    return _number(_MOST_ANSWERS, report.text)


def _is_about_count(report: ErrorReport) -> bool:
    """Say whether the server does not give so many answers: that can be had otherwise."""
    named = map(_top_level, (report.parameter, *report.locations))
    return "n" in named or _ONE_CHOICE.search(report.text) is not None


def _replacement(text: str, refused: str) -> str:
    match = _INSTEAD.search(text)
    named = next((group for group in match.groups() if group), "") if match else ""
    return named if named and named != refused else _TWINS.get(refused, "")


def _top_level(name: str) -> str:
    first = re.split(r"[.\[]", name, maxsplit=1)[0]
    return _CAMEL.sub(lambda match: "_" + match[1].lower(), first)


def _names_in(text: str) -> Iterable[str]:
    yield from _QUOTED.findall(text)
    yield from _NAMED.findall(text)
    for names in _LIST_AFTER_COLON.findall(text):
        yield from _WORD.findall(names)
    for word in _WORD.findall(text):
        if word not in _PLAIN_WORDS:
            yield word


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
_RATE = re.compile(r"(?i)\btokens per (?:min|hour|day)|\bTPM\b|\brate.?limit|\bplease wait\b")
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


_MOST_ANSWERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"<= ?{_NUMBER}",
        rf"less than or equal to {_NUMBER}",
        rf"between \d+ (?:and|to) {_NUMBER}",
        rf"in the range \[?\d+, ?{_NUMBER}",
        rf"(?:at most|up to|no more than|greater than|larger than|exceed) {_NUMBER}",
        rf"maximum(?: \w+){{0,6}}:? {_NUMBER}",
    )
)


def is_context_length(report: ErrorReport) -> bool:
    """Say whether the request was longer than the model's context window."""
    if report.code == "context_length_exceeded" or report.kind == "exceed_context_size_error":
        return True
    return _CONTEXT_LENGTH.search(report.text) is not None and not _RATE.search(report.text)


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
