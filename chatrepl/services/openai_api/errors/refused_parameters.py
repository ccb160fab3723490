"""Detection of errors about a request field that the server does not take, and of which field.

No list of whole messages is used: the detection looks for a clause that names a field which was
sent, and says that it is not supported. A value out of range is another error, as is anything about
the messages, the key, the account or the context window: there, leaving the field out is no help.
"""

import re
from collections.abc import Collection

from chatrepl.services.openai_api.errors.field_mentions import (
    FIELD_WORD,
    clauses_of,
    fields_named,
    replacement_named,
    without_lists,
)
from chatrepl.services.openai_api.errors.payloads import DIGITS, ErrorReport

_REQUIRED = frozenset({"model", "messages"})
_OPTIONAL = "stream_options"
"""Sent by this program's own choice, never the user's: any complaint about it drops it."""
# The older and the newer name of one setting: servers take either, or both.
_TWINS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

_ABILITY = (
    "support|accept|allow|permit|recogni[sz]|known|understood|implement|availab|enabl|us(?:ed|able)"
    "|specif|suppl|provid|handl|configur|compatib|applica|appl(?:y|ied)|adjust|modif|honou?r|tak[ei]"
    "|work|expect|offer|process|(?:a [ ])? valid [ ] (?:field|param|arg|prop|key|option)"
)
# A negation of an ability, of any server; the words of Azure ("unrecognized"), Go, Rust and Gemini
# ("unknown"), Bedrock ("extraneous"), pydantic ("extra", also of vLLM, FastAPI, Mistral, Anthropic)
# and Zod ("unrecognized_keys"); then the same in other languages.
_NOT_SUPPORTED = re.compile(
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
"""The value exceeds a limit (OpenAI, vLLM, pydantic): the user can choose another."""
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
"""The value has the wrong type or form (JSON schema, pydantic, OpenAI)."""
_NOT_HERE = re.compile(
    r"(?i)(?:not |n't )(?:\w+ )?(?:support|allow|permit|enabl|availab)\w*[^.;]*"
    r"\b(?:this|the|these|that) (?:\w+ )?(?:model|endpoint|deployment|server|api|version|provider)"
    r"|\b(?:additional|extra) (?:propert|input|field|param|key)"
)
"""The model or server refuses the field itself, whatever it says of its value."""
_CONDITION = re.compile(
    r"(?i)\bonly (?:be )?\w+(?: \w+){0,2} (?:when|if|with)\b"
    r"|\brequires? [`'\"]?\w+[`'\"]? (?:to|be)\b|\b(?:together|combin\w+|along) with\b"
)
"""The field needs another one (OpenAI: top_logprobs with logprobs)."""
# OpenAI's reasoning models: "Only the default (1) value is supported."
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
# Codes. OpenAI: unsupported_parameter, unknown_parameter; pydantic: extra_forbidden; JSON schema:
# additionalProperties.
_PARAMETER_CODE = re.compile(
    r"(?ix) (?: un(?:support|known|recogni[sz]|expect) | not_ | no_such | extra | invalid_(?=nam) )"
    r" \w* [_. -]? (?: param | arg | field | keys? \b | prop | name | option | forbidden | extra )"
    r" | value_error\.extra | extra_forbidden | additionalprop"
)
# OpenAI: unsupported_value.
_VALUE_CODE = re.compile(r"(?i)unsupported_value|unsupported_feature|feature_unsupported")
# OpenAI: invalid_value, integer_above_max_value; pydantic: less_than_equal, missing, literal_error.
_OTHER_CODE = re.compile(
    r"""(?ix) invalid_value | invalid_type | (?:above|below)_m | too_(?:long|large|small|big)
    | (?:less|greater)_than | missing | literal_error | \b enum \b | pars(?:e|ing) | content
    | policy | context | model_not_found | rate_limit | quota | auth | country"""
)
# In order: llama.cpp and Gemini ("Only one candidate can be specified"); Gemini ("Multiple
# candidates is not enabled"); unknown servers; Groq; llama.cpp and OpenAI, with the allowed range.
_ABOUT_CHOICES = re.compile(
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
_N = rf"({DIGITS})"
# OpenAI; pydantic; llama.cpp; Groq; Gemini.
_MOST_CHOICES = (
    rf"<= ?{_N}",
    rf"less than or equal to {_N}",
    rf"between \d+ (?:and|to) {_N}",
    rf"in the range \[?\d+, ?{_N}",
    rf"(?:at most|up to|no more than|greater than|larger than|exceed) {_N}",
    rf"maximum(?: \w+){{0,6}}:? {_N}",
)
# OpenAI, of reasoning_effort: "Supported values are: 'low', 'medium', and 'high'."
_ALLOWED_VALUES = re.compile(
    r"(?i)\b(?:supported|allowed|valid|accepted|permitted|possible) (?:values|options)"
    r"(?: for [\w'`\"]+)?(?: are| is| include)?[ :]+([^.;\n]{2,100})"
)
# Chat templates (vLLM, llama.cpp): "System role not supported"; Gemini: "Developer instruction is
# not enabled"; Mistral: "Unexpected role 'system'"; OpenAI: "does not support 'system'".
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


def refused_parameter(report: ErrorReport, sent: Collection[str]) -> tuple[str, str] | None:
    """Find the request field that the server does not take, and the field to use instead.

    Args:
        report: the server's error.
        sent: the top-level fields of the request: no other can have been refused.

    Returns:
        The field and its replacement (empty if there is none), or None if no field was refused.
    """
    reported = _reported_fields(report)
    if reported[:1] and reported[0] in _REQUIRED:
        return None
    optional = set(sent) - _REQUIRED
    named = next((name for name in reported if name in optional), "")
    if "n" in reported or _ABOUT_CHOICES.search(report.text):
        found = named if named not in ("", "n") and _is_refused(report, report.text, named) else "n"
    elif _has_parameter_code(report):
        found = named or next(fields_named(without_lists(report.text), optional), "")
    elif named:
        found = named if _is_refused(report, report.text, named) else ""
    else:
        found = _find_in_text(report, optional)
    return (found, _replacement(report.text, found)) if found in optional else None


def invalid_field(report: ErrorReport, sent: Collection[str]) -> str:
    """Return the user's field that an error reports as invalid; empty if it reports none."""
    optional = set(sent) - _REQUIRED - {"stream", _OPTIONAL}
    return next((name for name in _reported_fields(report) if name in optional), "")


def may_refuse_field(status: int | None, report: ErrorReport) -> bool:
    """Return whether an error of this status may be about a field of the request at all."""
    if status in (403, 404):
        is_about_fields = status == 404 and re.search(rf"(?i)\b{FIELD_WORD}\b", report.text)
        return _has_parameter_code(report) or is_about_fields is not None
    return status not in (401, 402, 429)


def refuses_system_role(report: ErrorReport) -> bool:
    """Return whether the model takes no message under the role system or developer."""
    return _NO_SYSTEM_ROLE.search(report.text) is not None


def most_choices(report: ErrorReport) -> int | None:
    """Read from an error about ``n`` the largest number of choices; None if it is unknown."""
    return report.first_number(_MOST_CHOICES)


def allowed_values(report: ErrorReport) -> str:
    """Return the list of allowed values in the server's words; empty if there is none."""
    match = _ALLOWED_VALUES.search(report.text)
    return re.sub(r"""['"`\[\]]""", "", match[1]).strip() if match else ""


def _reported_fields(report: ErrorReport) -> list[str]:
    """Return the request's fields in the error's own ``param`` and locations."""
    return [_top_level(name) for name in (report.parameter, *report.locations) if name]


def _has_parameter_code(report: ErrorReport) -> bool:
    """Return whether a code of the error, not only its text, says that a field is refused."""
    return any(_PARAMETER_CODE.search(code) for code in (report.code, report.error_type))


def _find_in_text(report: ErrorReport, optional: Collection[str]) -> str:
    """Find the field in the clause that refuses it, else one that is marked as a name anywhere."""
    text = without_lists(report.text)
    for clause in clauses_of(text):
        for name in fields_named(clause, optional):
            if _is_refused(report, clause, name):
                return name
    marked = next(fields_named(text, optional, marked=True), "")
    return marked if marked and _is_refused(report, text, marked) else ""


def _is_refused(report: ErrorReport, text: str, name: str) -> bool:
    """Return whether a text that names a field says that the field, not its value, is wrong."""
    if name == _OPTIONAL:
        return True
    codes = f"{report.code} {report.error_type}"
    if _OTHER_CODE.search(codes):
        return False
    if _LIMIT.search(report.text) or (name in _TWINS and _LARGE_NUMBER.search(report.text)):
        return False
    if name in _TWINS and re.search(rf"(?<!\w){_TWINS[name]}(?!\w)", text):
        # An error that names the twin recommends it.
        return True
    if _ONE_VALUE.search(report.text) and name in _NUMERIC:
        return True
    if _CONDITION.search(text):
        return False
    has_value_code = _VALUE_CODE.search(codes) is not None
    if _MALFORMED.search(text) and not (_NOT_HERE.search(text) or has_value_code):
        return False
    return has_value_code or _NOT_SUPPORTED.search(text) is not None


def _replacement(text: str, refused: str) -> str:
    named = replacement_named(text)
    return named if named and named != refused else _TWINS.get(refused, "")


def _top_level(name: str) -> str:
    """Return the top-level field of a path such as ``messages[0].role``, in snake case."""
    first = re.split(r"[.\[]", name, maxsplit=1)[0]
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: "_" + match[1].lower(), first)
