"""Table of the settings.

Each row defines the slash-command, the command-line option, the configuration key, the completion,
the help and the reference of a setting. A parameter without a value is not sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.settings.kinds import (
    AnyJson,
    Bias,
    Choice,
    Examples,
    Integer,
    Kind,
    Number,
    ResponseFormat,
    Switch,
    Text,
    Words,
)
from chatrepl.core.text.quoting import nearest


@dataclass(frozen=True, slots=True)
class Setting:
    """Row of the table of settings."""

    key: str
    kind: Kind
    help: str
    default: Json = None
    """``None``: no value."""
    is_parameter: bool = False
    """Sent in the request body under its key."""
    in_session: bool = True
    """Stored with the session when a command sets it; other settings hold for the run."""
    options: tuple[str, ...] = ()
    """Command-line options that set it, short ones first."""
    unset_text: str = "not set"
    """Description of the effect of no value."""
    has_command: bool = True
    """Has a slash-command of its own; ``/set`` sets every setting."""


def _parameter(key: str, kind: Kind, help_text: str, *short: str) -> Setting:
    option = "--" + key.replace("_", "-")
    return Setting(
        key,
        kind,
        help_text,
        is_parameter=True,
        options=(*short, option),
        unset_text="not set: the server's default holds",
    )


_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "model",
        Text("NAME"),
        "the model that answers",
        options=("-m", "--model"),
        unset_text="not set: gpt-4.1-mini at OpenAI, elsewhere the first that the server lists",
    ),
    Setting(
        "system",
        Text(),
        "the system role: what the model is told before everything else",
        options=("-s", "--system"),
    ),
    Setting("reminder", Text(), "text added to each message when it is sent, never stored in it"),
    Setting(
        "system_form",
        Choice(("system", "developer", "user")),
        "how the system role goes: under that role, or inside the first user message",
        default="system",
        has_command=False,
    ),
    Setting(
        "examples",
        Examples(),
        "example messages that open the conversation, as a role has them",
        has_command=False,
    ),
    _parameter("temperature", Number(0, 2), "randomness: 0 repeats itself, 2 is wild", "-t"),
    _parameter("top_p", Number(0, 1), "choose among the likeliest words that sum to this"),
    _parameter("max_tokens", Integer(1), "the longest answer, in tokens"),
    _parameter("presence_penalty", Number(-2, 2), "above 0: new topics; below 0: stay on topic"),
    _parameter("frequency_penalty", Number(-2, 2), "above 0: repeat words less; below 0: more"),
    _parameter("stop", Words(4), "texts that end the answer"),
    _parameter("n", Integer(1, 8), "how many answers to ask for; /pick chooses among them"),
    _parameter("seed", Integer(), "the same seed asks for the same answer"),
    _parameter("logit_bias", Bias(), "make words, or single tokens, likelier or unlikelier"),
    _parameter("logprobs", Switch(), "ask how sure the model was of each word; show: see it"),
    _parameter("top_logprobs", Integer(0, 20), "with logprobs: the likeliest other words, too"),
    _parameter("reasoning_effort", Choice(_EFFORTS, open=True), "how long the model thinks"),
    _parameter("verbosity", Choice(("low", "medium", "high")), "how long answers are"),
    _parameter("response_format", ResponseFormat(), "plain text, or JSON"),
    _parameter(
        "service_tier",
        Choice(("auto", "default", "flex", "priority"), open=True),
        "how the server queues and bills the request",
    ),
    _parameter("user", Text("ID"), "an id of the end user, for the server's abuse checks"),
    Setting(
        "budget",
        Integer(1),
        "tokens that one request may use, answer included",
        options=("--budget",),
        unset_text="not set: the model's context window",
    ),
    Setting(
        "reserve",
        Integer(0),
        "tokens of the budget kept for the answer",
        options=("--reserve",),
        unset_text="not set: max_tokens, else the smaller of 4096 and a quarter of the window",
    ),
    Setting(
        "context_window",
        Integer(256),
        "the model's context window in tokens, where it is not known",
        has_command=False,
        unset_text="not set: as the server or the price list says",
    ),
    Setting("stream", Switch(), "show the answer while it comes", default=True, in_session=False),
    Setting("markdown", Switch(), "render answers as Markdown", default=True, in_session=False),
    Setting(
        "theme",
        Choice(("auto", "dark", "light")),
        "colours for a dark or a light terminal; auto asks the terminal",
        default="auto",
        in_session=False,
        options=("--theme",),
    ),
    Setting(
        "thinking",
        Switch(("show", "hide")),
        "show a model's reasoning",
        default=True,
        in_session=False,
    ),
    Setting(
        "multiline",
        Switch(),
        "Enter makes a new line, Alt+Enter sends",
        default=False,
        in_session=False,
    ),
    Setting("vi", Switch(), "vi keys in the input line", default=False, in_session=False),
    Setting(
        "on_overflow",
        Choice(("drop", "compact", "ask")),
        "what happens to the oldest turns when the budget is full",
        default="drop",
        has_command=False,
    ),
    Setting(
        "spending_limit",
        Number(0, 1_000_000, "DOLLARS"),
        "dollars a day; going over is asked first",
        in_session=False,
        has_command=False,
        unset_text="not set: no limit",
    ),
)

_BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in SETTINGS}
EXTRA = "extra."
"""Prefix of the keys of a server's own fields."""
_FIELDS = {"model": "model", "max_completion_tokens": "max_tokens", "stream": "stream"}
"""Settings that set a request field of another name, or that are no parameters, by field."""
_WRITTEN = ("messages", "stream_options")
"""Request fields that the program writes itself."""


def find_setting(key: str) -> Setting:
    """Return the row of a key, or a new one for ``extra.KEY``. Raises ``UsageError``."""
    plain = key.replace("-", "_")
    if plain in _BY_KEY:
        return _BY_KEY[plain]
    if key.startswith(EXTRA) and len(key) > len(EXTRA):
        _check_extra(key.removeprefix(EXTRA))
        return Setting(
            key, AnyJson(), "a field of the request that this server knows", has_command=False
        )
    raise UsageError(
        f"there is no setting “{key}”",
        nearest(plain, tuple(_BY_KEY)) or "/set lists all; extra.KEY is a server's own",
    )


def _check_extra(field: str) -> None:
    """Raise ``UsageError`` for a request field that a setting or the program itself writes."""
    own = _FIELDS.get(field, field)
    if own in _BY_KEY and (_BY_KEY[own].is_parameter or own in _FIELDS.values()):
        option = _BY_KEY[own].options[-1:]
        how = " or ".join([*option, f"/set {own}"])
        raise UsageError(f"{field} is no extra field: it is the setting {own}", how)
    if field in _WRITTEN:
        raise UsageError(f"{field} is no extra field: chatrepl writes it", "/request shows it")
