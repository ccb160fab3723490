"""Tell from an error's text, in words nobody wrote down before, that a request was too long."""

import re

from chatrepl.services.openai_api.errors.context_length import ErrorReport, context_numbers

__all__ = ["numbers_of_length", "seems_too_long"]

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
