"""The words in which servers say that they do not take a field of the request."""

import re

__all__ = [
    "ABOUT_MESSAGES",
    "ALIASES",
    "CANNOT",
    "CLAUSE_END",
    "CLEAR_WORDS",
    "COLONS",
    "CONDITION",
    "HERE",
    "INSTEAD",
    "LARGE_NUMBER",
    "LIMIT",
    "LISTS_OTHERS",
    "MALFORMED",
    "MARK_AFTER",
    "MARK_BEFORE",
    "MEN",
    "MOST_ANSWERS",
    "NOUN",
    "NO_SYSTEM_ROLE",
    "NUMERIC",
    "ONE_CHOICE",
    "ONE_VALUE",
    "OTHER_BEFORE",
    "OTHER_CODE",
    "PARAMETER_CODE",
    "SUBJECT",
    "TAKEN",
    "VALUE_CODE",
]

_ABILITY = (
    "support|accept|allow|permit|recogni[sz]|known|understood|implement|availab|enabl|us(?:ed|able)"
    "|specif|suppl|provid|handl|configur|compatib|applica|appl(?:y|ied)|adjust|modif|honou?r|tak[ei]"
    "|work|expect|offer|process|(?:a [ ])? valid [ ] (?:field|param|arg|prop|key|option)"
)
CANNOT = re.compile(
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
LIMIT = re.compile(
    r"""(?ix)
    \b (?: between | range | greater | less | larger | smaller | higher | lower
        | at [ ] (?:least|most) | maximum | minimum | exceed\w*
        | too [ ] (?:large|small|long|short|high|low|many|few|big)
        | below | above | up [ ] to [ ] \d
        | limit (?:[ ] is | [ ] of | ed [ ] to | : ) | out [ ] of | both ) \b
    | [<>≤≥] =? [ ]? \d | 范围 | 大于 | 小于 | 超过 | 最大 | 最小 | 至少 | 最多 | 长度
    """
)
LARGE_NUMBER = re.compile(r"\d{3,}")
MALFORMED = re.compile(
    r"""(?ix)
    \b invalid [ ] (?! request | param | arg | field | key | prop | option | name | json )
    | \b (?: schema | context [ ]? = | token [ ]? ids? | vocabulary | elements? | entr (?:y | ies)
        | contains? [ ] (?:an? [ ])? (?:unknown|invalid) [ ] (?:token|value|word) ) \b
    | \b (?: malformed | required | missing | must [ ] (?: contain | have ) )
    | \b (?: expected | (?: should | must | has [ ] to ) [ ] be ) [ ]
        (?: an? | type | of [ ] type | positive | one [ ] of ) \b | \b wrong [ ] type
    """
)
HERE = re.compile(
    r"(?i)(?:not |n't )(?:\w+ )?(?:support|allow|permit|enabl|availab)\w*[^.;]*"
    r"\b(?:this|the|these|that) (?:\w+ )?(?:model|endpoint|deployment|server|api|version|provider)"
    r"|\b(?:additional|extra) (?:propert|input|field|param|key)"
)
"""The field itself is refused, whatever else a validator may say of its value."""
CONDITION = re.compile(
    r"(?i)\bonly (?:be )?\w+(?: \w+){0,2} (?:when|if|with)\b"
    r"|\brequires? [`'\"]?\w+[`'\"]? (?:to|be)\b|\b(?:together|combin\w+|along) with\b"
)
ONE_VALUE = re.compile(
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
NUMERIC = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty", "seed"})

PARAMETER_CODE = re.compile(
    r"(?ix) (?: un(?:support|known|recogni[sz]|expect) | not_ | no_such | extra | invalid_(?=nam) )"
    r" \w* [_. -]? (?: param | arg | field | keys? \b | prop | name | option | forbidden | extra )"
    r" | value_error\.extra | extra_forbidden | additionalprop"
)
VALUE_CODE = re.compile(r"(?i)unsupported_value|unsupported_feature|feature_unsupported")
OTHER_CODE = re.compile(
    r"""(?ix) invalid_value | invalid_type | (?:above|below)_m | too_(?:long|large|small|big)
    | (?:less|greater)_than | missing | literal_error | \b enum \b | pars(?:e|ing) | content
    | policy | context | model_not_found | rate_limit | quota | auth | country"""
)

ONE_CHOICE = re.compile(
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
ALIASES = (
    (re.compile(r"(?i)\bstreaming\b|\bto stream\b"), "stream"),
    (re.compile(r"(?i)\bstop[ _-]?sequences?\b"), "stop"),
    (re.compile(r"(?i)\blog[ _-]prob(?:abilitie)?s\b"), "logprobs"),
    (re.compile(r"(?i)\bjson[ _-]mode\b|\bstructured[ _-]outputs?\b"), "response_format"),
    (re.compile(r"(?i)\bmax[ _-]?output[ _-]?tokens\b"), "max_tokens"),
)
CLEAR_WORDS = frozenset({"temperature", "seed", "verbosity", "logprobs"})
"""Names that are no words of other sentences, though there is no underscore in them."""
NOUN = r"(?:param(?:eter)?s?|arguments?|fields?|keys?|propert(?:y|ies)|options?|keyword|参数|字段)"
MARK_BEFORE = re.compile(
    rf"(?i)(?:['\"`“「『\[]|{NOUN}\s*[:\uff1a=]?\s*|supplied:\s*(?:[\w, ]*,\s*)?|->\s*|\bname\s+"
    r"|unsupported:?\s+)$"
)
MARK_AFTER = re.compile(rf"(?i)^(?:['\"`”」』\]]|\s*{NOUN}|\s*[:\uff1a])")
SUBJECT = re.compile(r" (?:is|are|was) ")
MEN = re.compile(
    r" is (?:currently )?(?:un|not (?:yet )?(?:currently )?)(?:support|recogni|implement)"
)
"""“user is not allowed” is said of people."""
COLONS = (":", "\uff1a")
OTHER_BEFORE = re.compile(r"(?i)\broles?[\s:=]*['\"`“]?$|\bmodels?\s*:?\s*['\"`“]$")
ABOUT_MESSAGES = re.compile(r"(?i)\b(?:your|the) (?:prompt|messages?|input|image|content)\b")
LISTS_OTHERS = re.compile(
    r"""(?ix)
    (?: expected [ ] one [ ] of | expected [ ] `model`
        | \b (?:supported|allowed|valid|known|accepted|permitted) [ ] (?:request [ ])?
        (?:param\w*|fields|keys|properties|arguments|options) (?:[ ] (?:are|is|include))? [ :] )
    [^.;\n]*
    """
)
CLAUSE_END = re.compile(r"(?<=[.!?])\s+|[;。\uff1b\uff01\uff1f\n]+")
TAKEN = re.compile(
    r"(?i)\b(?:supported|allowed|valid|accepted|permitted|possible) (?:values|options)"
    r"(?: for [\w'`\"]+)?(?: are| is| include)?[ :]+([^.;\n]{2,100})"
)
INSTEAD = re.compile(
    r"""(?ix)
    (?: use | try | with | to ) [ ]+ (?:the [ ])? (?:['"`] (\w+) ['"`] | (\w+_\w+) )
        (?: [ ] (?: parameter | field ))? [ ] (?: instead | rather [ ] than )
    | did [ ] you [ ] mean [ :]+ ['"`]? (\w+_\w+)
    | (?:deprecated | replaced | renamed)[^.]*?
        (?: by | favou?r [ ] of | use | to ) [ ]+ ['"`]? (\w+_\w+)
    """
)

NO_SYSTEM_ROLE = re.compile(
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
MOST_ANSWERS = tuple(
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
