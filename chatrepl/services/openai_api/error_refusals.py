"""Whether an error says that a server does not take a field of the request, and which field.

There is no list of phrases: a clause is looked for that names a field which was sent, and says of
it that it cannot be had. A value out of range is something else, as is anything about the messages,
the key, the account or the window: leaving the field out would not be what the user wants.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from chatrepl.services.openai_api.error_texts import ErrorReport

__all__ = ["may_refuse", "most_answers", "refused_parameter", "refuses_system_role", "values_taken"]

_NEVER_OPTIONAL = frozenset({"model", "messages"})
_OWN = "stream_options"
"""Sent by this program's own choice: whatever a server has against it, it is left out."""
_TWINS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

_READ_CHARS = 4000
_AROUND_CHARS = 100
_MOST_PLACES = 20

_ABILITY = (
    "support|accept|allow|permit|recogni[sz]|known|understood|implement|availab|enabl|us(?:ed|able)"
    "|specif|suppl|provid|handl|configur|compatib|applica|appl(?:y|ied)|adjust|modif|honou?r|tak[ei]|work"
    "|expect|offer|process|(?:a [ ])? valid [ ] (?:field|param|arg|prop|key|option)"
)
_CANNOT = re.compile(
    rf"""(?ix)
    (?: \b (?: not | never | cannot | without | neither | nor | no [ ] longer | no ) \b
        | n['\u2019]t \b )
        (?: [ ] [\w'`"-]+ ){{0,3}}? [ ] (?: {_ABILITY} )
    | \b (?: must | may | can | should ) (?: [ ]? not | n't ) [ ]
        (?: exist | appear | be [ ] (?: present | set | given | sent | in ) )
    | \b only [ ] (?: be [ ] )? (?: support | avail | allow | enabl | accept ) \w* [ ]
        (?: by | for | on | in ) \b
    | \b (?: un(?:support | known | recogni[sz] | expect | avail | implement | used | necessary)
        | incompat | disallow | forbidden | prohibit | disabled | deprecat | obsolete | extraneous
        | not_ (?: support | allow | permit | implement ) | reject | refus ) \w*
    | \b (?: extra | additional | superfluous ) [ ] (?: input | field | param | prop | key | arg )
    | \b (?: remov | omit | drop | unset | ignor ) (?: e[ds]? | t(?:ed|ing|s)? | ing | ped | s )? \b
    | \b (?: rather [ ] than | instead [ ] of ) \b
    | \b invalid [ ] (?: request [ ] )? (?: param | arg | field | key | prop | option | name )
    | (?: extra_forbidden | value_error\.extra | unrecognized_keys )
    | 不 (?: 被 | 再 | 予 | 受 | 能 | 可 )? (?: 支持 | 允许 | 接受 | 使用 | 识别 | 存在 | 用 )
    | 无法 (?: 识别 | 使用 | 支持 ) | 未知 | 未定义
    | (?: 无效的? | 非法 ) (?: 参数 | 字段 ) | 多余 | 弃用 | 废弃 | 禁用 | 移除
    | \b no [ ] (?: es | está | se ) [ ] | \b n'est [ ] pas | \b ne [ ] \w+ [ ] pas
    | nicht [ ] (?: unterst | erlaubt | zul )
    | \b não [ ] | \b non [ ] (?: è | support ) | \b не [ ]? (?: поддерж | допуст | разреш )
    | ません | できない | 未対応 | 지원 (?: 되지 | 하지 | 되 ) | 않 | 없
    """
)
# A limit that could be kept, or a value that could be written otherwise.
_LIMIT = re.compile(
    r"""(?ix)
    \b (?: between | range | greater | less | larger | smaller | higher | lower
        | at [ ] (?:least|most) | maximum | minimum | exceed\w*
        | too [ ] (?:large|small|long|short|high|low|many|few|big)
        | below | above | up [ ] to [ ] \d
        | limit (?:[ ] is | [ ] of | ed [ ] to | : ) | out [ ] of | both ) \b
    | [<>≤≥] =? [ ]? \d | 范围 | 大于 | 小于 | 超过 | 最大 | 最小 | 至少 | 最多 | 长度
    """
)
_LARGE_NUMBER = re.compile(r"\d{3,}")
_MALFORMED = re.compile(
    r"""(?ix)
    \b invalid [ ] (?! request | param | arg | field | key | prop | option | name | json )
    | \b (?: schema | context [ ]? = | token [ ]? ids? | vocabulary | elements? | entr (?:y | ies)
        | contains? [ ] (?:an? [ ])? (?:unknown|invalid) [ ] (?:token|value|word) ) \b
    | \b (?: malformed | required | missing | must [ ] (?: contain | have ) )
    | \b (?: expected | (?: should | must | has [ ] to ) [ ] be ) [ ]
        (?: an? | type | of [ ] type | positive | one [ ] of ) \b | \b wrong [ ] type
    """
)
_HERE = re.compile(
    r"(?i)(?:not |n't )(?:\w+ )?(?:support|allow|permit|enabl|availab)\w*[^.;]*"
    r"\b(?:this|the|these|that) (?:\w+ )?(?:model|endpoint|deployment|server|api|version|provider)"
    r"|\b(?:additional|extra) (?:propert|input|field|param|key)"
)
"""The field itself is refused, whatever else a validator may say of its value."""
_CONDITION = re.compile(
    r"(?i)\bonly (?:be )?\w+(?: \w+){0,2} (?:when|if|with)\b"
    r"|\brequires? [`'\"]?\w+[`'\"]? (?:to|be)\b|\b(?:together|combin\w+|along) with\b"
)
_ONE_VALUE = re.compile(
    r"""(?ix)
    \b only [ ] (?:the [ ])? (?:value [ ])? (?:of [ ])? ['"`]? (?: default | [\d.]+ ) ['"`]?
        (?: [ ] \( ['"`]? [\d.]+ ['"`]? \) )? (?: [ ] (?: value | setting ))?
        (?: [ ] for [ ] [`'"]? [\w]+ [`'"]? )? [ ] (?: is | are ) [ ]
    | \b (?: must | should | can | may | ha[sv]e? [ ] to | needs? [ ] to ) [ ] (?: only [ ])?
        (?: be | equal ) (?: [ ] (?: exactly | only | set [ ] to | left [ ] at | fixed [ ] at ))*
        [ ] ['"`]? (?: default | \d+ (?: \.\d+ )? ) ['"`]?
        (?= \s* (?: [.,;)] | $ | for | when | with | in | if | on ) )
    | \b fixed [ ] (?: at | to | for ) | [仅只] (?: 支持 | 能 | 允许 ) [为是]? \s* (?: 默认 | \d )
    """
)
_NUMERIC = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty", "seed"})

_PARAMETER_CODE = re.compile(
    r"(?ix) (?: un(?:support|known|recogni[sz]|expect) | not_ | no_such | extra | invalid_(?=nam) )"
    r" \w* [_. -]? (?: param | arg | field | keys? \b | prop | name | option | forbidden | extra )"
    r" | value_error\.extra | extra_forbidden | additionalprop"
)
_VALUE_CODE = re.compile(r"(?i)unsupported_value|unsupported_feature|feature_unsupported")
_OTHER_CODE = re.compile(
    r"""(?ix) invalid_value | invalid_type | (?:above|below)_m | too_(?:long|large|small|big)
    | (?:less|greater)_than | missing | literal_error | \b enum \b | pars(?:e|ing) | content
    | policy | context | model_not_found | rate_limit | quota | auth | country"""
)

_ONE_CHOICE = re.compile(
    r"""(?ix)
    only [ ] one [ ] (?: completion [ ] choice | candidate | choice | completion | answer )
    | multiple [ ] (?: candidates | choices | completions | generations | answers | outputs )
    | (?: completions | choices | candidates | generations ) [ ]
        (?: greater | more | larger ) [ ] than [ ] 1
    | candidate_?count | only [ ] n [ ]?=[ ]? 1
    | \b n [ ] (?: must [ ] be | > [ ] 1 | greater [ ] than [ ] 1)
    | ['"`]n['"`]? \s* :? \s* (?:number [ ])? must [ ] be [ ] (?:at [ ] most [ ])? \d
    | ['"`]n['"`] \s* : \s* (?: value [ ] must [ ] be [ ] between | integer [ ] above [ ] max )"""
)
_ALIASES = (
    (re.compile(r"(?i)\bstreaming\b|\bto stream\b"), "stream"),
    (re.compile(r"(?i)\bstop[ _-]?sequences?\b"), "stop"),
    (re.compile(r"(?i)\blog[ _-]prob(?:abilitie)?s\b"), "logprobs"),
    (re.compile(r"(?i)\bjson[ _-]mode\b|\bstructured[ _-]outputs?\b"), "response_format"),
    (re.compile(r"(?i)\bmax[ _-]?output[ _-]?tokens\b"), "max_tokens"),
)
_CLEAR_WORDS = frozenset({"temperature", "seed", "verbosity", "logprobs"})
"""Names that are no words of other sentences, though there is no underscore in them."""
_NOUN = r"(?:param(?:eter)?s?|arguments?|fields?|keys?|propert(?:y|ies)|options?|keyword|参数|字段)"
_MARK_BEFORE = re.compile(
    rf"(?i)(?:['\"`“「『\[]|{_NOUN}\s*[:\uff1a=]?\s*|supplied:\s*(?:[\w, ]*,\s*)?|->\s*|\bname\s+"
    r"|unsupported:?\s+)$"
)
_MARK_AFTER = re.compile(rf"(?i)^(?:['\"`”」』\]]|\s*{_NOUN}|\s*[:\uff1a])")
_SUBJECT = re.compile(r" (?:is|are|was) ")
_MEN = re.compile(
    r" is (?:currently )?(?:un|not (?:yet )?(?:currently )?)(?:support|recogni|implement)"
)
"""“user is not allowed” is said of people."""
_COLONS = (":", "\uff1a")
_OTHER_BEFORE = re.compile(r"(?i)\broles?[\s:=]*['\"`“]?$|\bmodels?\s*:?\s*['\"`“]$")
_ABOUT_MESSAGES = re.compile(r"(?i)\b(?:your|the) (?:prompt|messages?|input|image|content)\b")
_LISTS_OTHERS = re.compile(
    r"""(?ix)
    (?: expected [ ] one [ ] of | expected [ ] `model`
        | \b (?:supported|allowed|valid|known|accepted|permitted) [ ] (?:request [ ])?
        (?:param\w*|fields|keys|properties|arguments|options) (?:[ ] (?:are|is|include))? [ :] )
    [^.;\n]*
    """
)
_CLAUSE_END = re.compile(r"(?<=[.!?])\s+|[;。\uff1b\uff01\uff1f\n]+")
_TAKEN = re.compile(
    r"(?i)\b(?:supported|allowed|valid|accepted|permitted|possible) (?:values|options)"
    r"(?: for [\w'`\"]+)?(?: are| is| include)?[ :]+([^.;\n]{2,100})"
)
_INSTEAD = re.compile(
    r"""(?ix)
    (?: use | try | with | to ) [ ]+ (?:the [ ])? (?:['"`] (\w+) ['"`] | (\w+_\w+) )
        (?: [ ] (?: parameter | field ))? [ ] (?: instead | rather [ ] than )
    | did [ ] you [ ] mean [ :]+ ['"`]? (\w+_\w+)
    | (?:deprecated | replaced | renamed)[^.]*?
        (?: by | favou?r [ ] of | use | to ) [ ]+ ['"`]? (\w+_\w+)
    """
)


def refused_parameter(report: ErrorReport, sent: Collection[str]) -> tuple[str, str] | None:
    """Name the field of the request that the server cannot use, and the one it wants instead.

    Args:
        report: the server's error.
        sent: the top-level fields of the request: nothing else can have been refused.

    Returns:
        The field and its replacement (empty if there is none), or None if no field was refused.
    """
    report = replace(report, text=report.text[:_READ_CHARS])
    structured = _structured(report)
    if structured[:1] and structured[0] in _NEVER_OPTIONAL:
        return None
    optional = set(sent) - _NEVER_OPTIONAL
    named = next((name for name in structured if name in optional), "")
    if "n" in structured or _ONE_CHOICE.search(report.text):
        found = named if named not in ("", "n") and _is_refused(report, report.text, named) else "n"
    elif _is_certain(report):
        found = named or next(_names_in(_LISTS_OTHERS.sub("", report.text), optional), "")
    elif named:
        found = named if _is_refused(report, report.text, named) else ""
    else:
        found = _found_in(report, optional)
    return (found, _replacement(report.text, found)) if found in optional else None


def named_field(report: ErrorReport, sent: Collection[str]) -> str:
    """Return the field that an error is about, by its own account; empty: none of the user's."""
    optional = set(sent) - _NEVER_OPTIONAL - {"stream", _OWN}
    return next((name for name in _structured(report) if name in optional), "")


def _structured(report: ErrorReport) -> list[str]:
    return [_top_level(name) for name in (report.parameter, *report.locations) if name]


def may_refuse(status: int | None, report: ErrorReport) -> bool:
    """Say whether an error of this status may be about a field of the request at all."""
    if status in (403, 404):
        is_about_fields = status == 404 and re.search(rf"(?i)\b{_NOUN}\b", report.text)
        return _is_certain(report) or is_about_fields is not None
    return status not in (401, 402, 429)


def _is_certain(report: ErrorReport) -> bool:
    """Say whether a code of the error, not only its words, says that a field is refused."""
    return any(_PARAMETER_CODE.search(code) for code in (report.code, report.kind))


def refuses_system_role(report: ErrorReport) -> bool:
    """Say whether the model takes no message under the system, or developer, role."""
    return _NO_SYSTEM_ROLE.search(report.text[:_READ_CHARS]) is not None


def most_answers(report: ErrorReport) -> int | None:
    """Read from an error about ``n`` how many answers to a request the server gives."""
    for pattern in _MOST_ANSWERS:
        if match := pattern.search(report.text):
            digits = re.sub(r"\D", "", match[1])
            return int(digits) if 0 < len(digits) < 12 else None
    return None


def values_taken(report: ErrorReport) -> str:
    """Return the values that the server would take, in its own words; empty if it told none."""
    match = _TAKEN.search(report.text[:_READ_CHARS])
    return re.sub(r"""['"`\[\]]""", "", match[1]).strip() if match else ""


def _found_in(report: ErrorReport, optional: Collection[str]) -> str:
    """Find the field in the clause that refuses one; else one that is marked anywhere."""
    text = _LISTS_OTHERS.sub("", report.text)
    for clause in _CLAUSE_END.split(text):
        for name in _names_in(clause, optional):
            if _is_refused(report, clause, name):
                return name
    marked = next(_names_in(text, optional, marked=True), "")
    return marked if marked and _is_refused(report, text, marked) else ""


def _is_refused(report: ErrorReport, text: str, name: str) -> bool:
    if name == _OWN:
        return True
    codes = f"{report.code} {report.kind}"
    if _OTHER_CODE.search(codes):
        return False
    if _LIMIT.search(report.text) or (name in _TWINS and _LARGE_NUMBER.search(report.text)):
        return False
    if name in _TWINS and re.search(rf"(?<!\w){_TWINS[name]}(?!\w)", text):
        # Whoever names the other one wants it.
        return True
    if _ONE_VALUE.search(report.text) and name in _NUMERIC:
        return True
    if _CONDITION.search(text):
        return False
    if _MALFORMED.search(text) and not (_HERE.search(text) or _VALUE_CODE.search(codes)):
        return False
    return _VALUE_CODE.search(codes) is not None or _CANNOT.search(text) is not None


def _names_in(text: str, optional: Collection[str], *, marked: bool = False) -> Iterator[str]:
    """Yield the sent fields that a text names, in its order. ``marked``: only as names."""
    found: list[tuple[int, str]] = []
    for name in optional:
        found += [(place, name) for place in _places(text, name, marked=marked)]
    for pattern, name in _ALIASES:
        if name in optional and not marked and (match := pattern.search(text)):
            found.append((match.start(), name))
    yield from (name for _, name in sorted(found))


def _places(text: str, name: str, *, marked: bool) -> Iterable[int]:
    """Find a name as such: quoted, beside “parameter”, or a word that means nothing else.

    Servers write it with other joints, too: ``topP``, ``top-p``, ``top p``.
    """
    pattern = "[ _-]?".join(map(re.escape, name.split("_")))
    is_word = "_" not in name and name not in _CLEAR_WORDS
    for match in islice(re.finditer(rf"(?i)(?<![\w/-]){pattern}(?![\w/]|-\w)", text), _MOST_PLACES):
        before = text[max(0, match.start() - _AROUND_CHARS) : match.start()]
        after = text[match.end() : match.end() + _AROUND_CHARS]
        if _OTHER_BEFORE.search(before):
            continue
        is_first = not text[: match.start()].strip() or before.rstrip().endswith(_COLONS)
        is_marked = (
            _MARK_BEFORE.search(before)
            or (_MARK_AFTER.match(after) and (after[:1] not in _COLONS or is_first))
            or (is_first and (_MEN if name == "user" else _SUBJECT).match(after))
        )
        if is_marked or not (is_word or marked or _ABOUT_MESSAGES.search(text)):
            yield match.start()


def _replacement(text: str, refused: str) -> str:
    match = _INSTEAD.search(text)
    named = next((group for group in match.groups() if group), "") if match else ""
    return named if named and named != refused else _TWINS.get(refused, "")


def _top_level(name: str) -> str:
    first = re.split(r"[.\[]", name, maxsplit=1)[0]
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: "_" + match[1].lower(), first)


_NO_SYSTEM_ROLE = re.compile(
    r"""(?ix)
    \b (?: system | developer ) ['"`]? (?: [ ] (?: role | message | prompt | instruction )s? )
        [^.;\n]{0,40}? (?: \b not | n't | \b un | \b only ) [^.;\n]{0,20}
        (?: support | allow | enabl | permit | accept | expect )
    | (?: not | n't ) [ ] (?: support | allow | accept | permit ) \w* [ ] (?: an? [ ] | the [ ] )?
        ['"`]? (?: system | developer ) ['"`]?
        (?= [ ] (?: role | message | prompt | instruction | with )s? \b | \s* [.,;]? \s* $ )
    | \b (?: unsupported | unknown | invalid | unexpected ) [ ] role s? [ :]+ ['"`]?
        (?: system | developer )
    """
)

_NUMBER = r"(\d[\d,_]*)"
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
