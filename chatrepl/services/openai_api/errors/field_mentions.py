"""Search of an error's text for the request's fields that it names, and for replacements.

A field's name is often a word of the language, too ("stop", "user", "seed"): such a word counts
only where something marks it as a name.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

_CONTEXT_CHARS = 100
_MOST_PLACES = 20

FIELD_WORD = (
    r"(?:param(?:eter)?s?|arguments?|fields?|keys?|propert(?:y|ies)|options?|keyword|参数|字段)"
)
"""A word for a field of the request, as a regular expression."""
# Words in the place of a field's name.
_ALIASES = (
    (re.compile(r"(?i)\bstreaming\b|\bto stream\b"), "stream"),
    (re.compile(r"(?i)\bstop[ _-]?sequences?\b"), "stop"),
    (re.compile(r"(?i)\blog[ _-]prob(?:abilitie)?s\b"), "logprobs"),
    (re.compile(r"(?i)\bjson[ _-]mode\b|\bstructured[ _-]outputs?\b"), "response_format"),
    (re.compile(r"(?i)\bmax[ _-]?output[ _-]?tokens\b"), "max_tokens"),
)
_UNAMBIGUOUS = frozenset({"temperature", "seed", "verbosity", "logprobs"})
"""Names without an underscore that occur in such texts only as names."""
# A name is quoted, or stands beside a word for fields, or after a marker: OpenAI's and Azure's
# "supplied:", pydantic's "body ->", Gemini's "name", llama.cpp's "Unsupported param:".
_MARK_BEFORE = re.compile(
    rf"(?i)(?:['\"`“「『\[]|{FIELD_WORD}\s*[:\uff1a=]?\s*|supplied:\s*(?:[\w, ]*,\s*)?|->\s*"
    r"|\bname\s+|unsupported:?\s+)$"
)
_MARK_AFTER = re.compile(rf"(?i)^(?:['\"`”」』\]]|\s*{FIELD_WORD}|\s*[:\uff1a])")
_COLONS = (":", "\uff1a")
_SUBJECT_VERB = re.compile(r" (?:is|are|was) ")
_USER_VERB = re.compile(
    r" is (?:currently )?(?:un|not (?:yet )?(?:currently )?)(?:support|recogni|implement)"
)
"""For the field ``user``: “user is not allowed” is said of people."""
_OTHER_NAME_BEFORE = re.compile(r"(?i)\broles?[\s:=]*['\"`“]?$|\bmodels?\s*:?\s*['\"`“]$")
"""What follows is the name of a role or model."""
_ABOUT_MESSAGES = re.compile(r"(?i)\b(?:your|the) (?:prompt|messages?|input|image|content)\b")
# Rust's serde ("expected one of `model`, …"); lists of supported fields, of various servers.
_LIST_OF_FIELDS = re.compile(
    r"""(?ix)
    (?: expected [ ] one [ ] of | expected [ ] `model`
        | \b (?:supported|allowed|valid|known|accepted|permitted) [ ] (?:request [ ])?
        (?:param\w*|fields|keys|properties|arguments|options) (?:[ ] (?:are|is|include))? [ :] )
    [^.;\n]*
    """
)
_CLAUSE_END = re.compile(r"(?<=[.!?])\s+|[;。\uff1b\uff01\uff1f\n]+")
# OpenAI: "Use 'max_completion_tokens' instead."; others in words of their own.
_REPLACEMENT = re.compile(
    r"""(?ix)
    (?: use | try | with | to ) [ ]+ (?:the [ ])? (?:['"`] (\w+) ['"`] | (\w+_\w+) )
        (?: [ ] (?: parameter | field ))? [ ] (?: instead | rather [ ] than )
    | did [ ] you [ ] mean [ :]+ ['"`]? (\w+_\w+)
    | (?:deprecated | replaced | renamed)[^.]*?
        (?: by | favou?r [ ] of | use | to ) [ ]+ ['"`]? (\w+_\w+)
    """
)


def without_lists(text: str) -> str:
    """Remove lists of the fields that a server does accept."""
    return _LIST_OF_FIELDS.sub("", text)


def clauses_of(text: str) -> list[str]:
    """Split a text into sentences and clauses."""
    return _CLAUSE_END.split(text)


def replacement_named(text: str) -> str:
    """Return the field that a text recommends instead; empty if there is none."""
    match = _REPLACEMENT.search(text)
    return next((group for group in match.groups() if group), "") if match else ""


def fields_named(text: str, fields: Collection[str], *, marked: bool = False) -> Iterator[str]:
    """Yield the fields that a text names, each once, in the order of the text.

    ``marked``: only where something marks the word as a name.
    """
    found: list[tuple[int, str]] = []
    for name in fields:
        found += [(position, name) for position in _positions(text, name, marked=marked)]
    for pattern, name in _ALIASES:
        if name in fields and not marked and (match := pattern.search(text)):
            found.append((match.start(), name))
    yield from dict.fromkeys(name for _, name in sorted(found))


def _positions(text: str, name: str, *, marked: bool) -> Iterable[int]:
    """Yield the positions of a name; servers also write ``topP``, ``top-p`` and ``top p``."""
    pattern = "[ _-]?".join(map(re.escape, name.split("_")))
    is_word = "_" not in name and name not in _UNAMBIGUOUS
    for match in islice(re.finditer(rf"(?i)(?<![\w/-]){pattern}(?![\w/]|-\w)", text), _MOST_PLACES):
        before = text[max(0, match.start() - _CONTEXT_CHARS) : match.start()]
        after = text[match.end() : match.end() + _CONTEXT_CHARS]
        if _OTHER_NAME_BEFORE.search(before):
            continue
        is_first = not text[: match.start()].strip() or before.rstrip().endswith(_COLONS)
        is_marked = (
            _MARK_BEFORE.search(before)
            or (_MARK_AFTER.match(after) and (after[:1] not in _COLONS or is_first))
            or (is_first and (_USER_VERB if name == "user" else _SUBJECT_VERB).match(after))
        )
        if is_marked or not (is_word or marked or _ABOUT_MESSAGES.search(text)):
            yield match.start()
