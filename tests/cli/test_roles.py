"""Roles: texts, variables, examples and settings from a file."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Notice, PlainText, Table
from chatrepl.core.json_value import Json
from chatrepl.core.settings.roles import (
    Role,
    escape_variables,
    fill_variables,
    format_role,
    parse_role,
    variables_of,
)
from chatrepl.core.text.toml import to_toml
from chatrepl.services.files.role_files import RoleFiles
from tests.support.events import errors, notices
from tests.support.servers.sse_server import SseServer
from tests.support.wired_session import Home

GREETER = """+++
description = "Greets"
model = "greeter-1"
reminder = "Be {{mood}}."

[variables]
language = "French"
mood = "short"

[parameters]
temperature = 0.5
seed = 7

[parameters.extra]
top_k = 3

[[examples]]
user = "hello"
assistant = "in {{language}}"
+++
You greet in {{language}}.
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.person.has_input_line = False
    home.role("greeter", GREETER)
    return home


def context_of(events: Sequence[Event]) -> dict[str, Json]:
    texts = [event.text for event in events if isinstance(event, PlainText)]
    shown: dict[str, Json] = json.loads(texts[-1])
    return shown


def test_a_role_sets_system_text_examples_reminder_model_and_parameters(home: Home) -> None:
    with SseServer() as server:
        events = home.talk(
            ["--base-url", server.base_url, "-m", "mine"],
            "/role greeter language=German mood=kind",
            "hi",
            "/context --json",
        )
    assert not errors(events)
    body = server.requests[-1].body
    assert body["messages"] == [
        {"role": "system", "content": "You greet in German."},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "in German"},
        {"role": "user", "content": "hi\n\nBe kind."},
    ]
    assert (body["model"], body["temperature"], body["seed"], body["top_k"]) == (
        "greeter-1",
        0.5,
        7,
        3,
    )
    shown = context_of(events)
    rows = shown["messages"]
    assert isinstance(rows, list)
    kinds = [(row["role"], row["n"], row["in"]) for row in rows if isinstance(row, dict)]
    assert kinds == [
        ("system", 0, True),
        ("user", 0, True),
        ("assistant", 0, True),
        ("user", 1, True),
        ("assistant", 2, True),
    ]


def test_context_counts_the_examples_that_are_sent(home: Home) -> None:
    with SseServer() as server:
        server.answer("fine", usage=False)
        events = home.talk(
            ["--base-url", server.base_url, "-R", "greeter", "-m", "gpt-4o"],
            "hi",
            "/undo",
            "/context --json",
        )
    shown = context_of(events)
    rows = shown["messages"]
    assert isinstance(rows, list)
    tokens = [row["tokens"] for row in rows if isinstance(row, dict)]
    # The reply's priming is in the sum and in no row but by rounding.
    assert shown["tokens"] == sum(int(str(count)) for count in tokens) + 3


def test_variables_that_are_not_given_are_asked_with_their_defaults(home: Home) -> None:
    home.person.answers = ["Dutch", ""]
    with SseServer() as server:
        home.talk(["--base-url", server.base_url], "/role greeter", "hi")
    assert [question for question, _ in home.person.asked] == [
        "greeter: language [French]:",
        "greeter: mood [short]:",
    ]
    assert server.requests[-1].messages[0]["content"] == "You greet in Dutch."
    assert server.requests[-1].messages[-1]["content"] == "hi\n\nBe short."


def test_a_role_is_not_taken_where_the_question_for_a_variable_is_cancelled(home: Home) -> None:
    home.person.has_input_line = True
    home.person.answers = ["Dutch"]
    with SseServer() as server:
        events = home.talk(["--base-url", server.base_url], "/role greeter", "hi", "/role")
    assert errors(events) == ["role greeter is not taken: mood was not given"]
    assert server.requests[-1].messages == [{"role": "user", "content": "hi"}]
    assert notices(events)[-1] == "role: none"


def test_a_variable_without_value_or_default_is_told_where_nobody_can_be_asked(home: Home) -> None:
    home.role("needy", "Talk about {{subject}}.")
    events = home.talk(["--base-url", "http://127.0.0.1:1/v1"], "/role needy")
    assert errors(events) == ["role needy wants subject"]


def test_an_option_holds_against_the_role_of_the_command_line_and_yields_to_the_command(
    home: Home,
) -> None:
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-t", "1.5", "-R", "greeter"]
        home.talk(options, "one", "/role greeter", "two", "/temperature 0.1", "three")
    sent = [request.body["temperature"] for request in server.requests]
    assert sent == [1.5, 0.5, 0.1]


def test_a_session_goes_on_with_its_role_although_the_file_is_gone(home: Home) -> None:
    with SseServer() as server:
        options = ["--base-url", server.base_url]
        home.talk([*options, "-S", "mine"], "/role greeter language=Welsh", "one")
        (home.folder / "roles" / "greeter.md").unlink()
        events = home.talk([*options, "-r", "mine"], "two", "/role")
        home.talk([*options, "-r", "mine"], "/role default", "three")
        home.talk([*options, "-r", "mine"], "four")
    asked = [request for request in server.requests if request.method == "POST"]
    assert asked[1].messages[:3] == asked[0].messages[:3]
    assert "role: greeter" in notices(events)
    assert len(asked) == 4
    for request in asked[2:]:
        assert request.messages[0]["role"] == "user"
        assert "temperature" not in request.body


def test_a_role_cannot_bring_a_server_or_a_key(home: Home) -> None:
    for line in ('base_url = "http://evil.example/v1"', 'api_key_env = "OPENAI_API_KEY"'):
        home.role("evil", f"+++\n[parameters]\n{line}\n+++\nHi.")
        events = home.talk(["--base-url", "http://127.0.0.1:1/v1"], "/role evil")
        assert "evil.md, line 3: there is no setting" in errors(events)[0]


def test_the_present_conversation_is_saved_as_a_role_that_does_the_same(home: Home) -> None:
    with SseServer() as server:
        server.answer("Bonjour!")
        options = ["--base-url", server.base_url, "-m", "m"]
        home.talk(
            options,
            "/system You say {{hello}}.",
            "/temperature 0.3",
            "/stop END",
            "good morning",
            "/pin 1",
            "/role --save polite",
        )
        events = home.talk(options, "/role polite", "hi", "/role --save polite")
    body = server.requests[-1].body
    assert body["messages"] == [
        {"role": "system", "content": "You say {{hello}}."},
        {"role": "user", "content": "good morning"},
        {"role": "assistant", "content": "Bonjour!"},
        {"role": "user", "content": "hi"},
    ]
    assert (body["temperature"], body["stop"]) == (0.3, ["END"])
    assert "is there already" in errors(events)[0]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("+++\nmodel = 3\n+++\n", 2, "model is not text"),
        ("+++\nmodle = 'x'\n+++\n", 2, "unknown key “modle”"),
        ("+++\nmodel = 'x'\ny = \n+++\n", 3, "no TOML"),
        ("+++\nmodel = 'x'\n", None, "no end"),
        ("+++\nmodel = 'x'\n[parameters]\nn = 1.0\n+++\n", 4, "n: “1.0” is not a whole number"),
        ("+++\n[parameters]\ntemperature = 3\n+++\n", 3, "“3” is not a number between 0 and 2"),
        ("+++\n[parameters]\ntempreature = 1\n+++\n", 3, "did you mean temperature?"),
        ("+++\n[parameters]\nbudget = 0\n+++\n", 3, "budget"),
        ("+++\n[parameters]\nextra.seed = 0\n+++\n", 3, "it is the setting seed"),
        ("+++\n\n[parameters.extra]\nx = 2026-01-01\n+++\n", 4, "put it in quotes"),
        ("+++\nparameters = 3\n+++\n", 2, "parameters is not a table"),
        ("+++\nexamples = 3\n+++\n", 2, "examples is not a list"),
        ("+++\n\n[[examples]]\nsystem = 'x'\n+++\n", 3, "other keys than user and assistant"),
        ("+++\n[variables]\nx = 3\n+++\n", 2, "variables is not a table of texts"),
        (f"+++\n[parameters]\nseed = {'9' * 5000}\n+++\n", None, "no TOML"),
    ],
)
def test_faults_of_a_role_name_file_and_line(
    home: Home, text: str, line: int | None, said: str
) -> None:
    home.role("broken", text)
    events = home.talk(["--base-url", "http://127.0.0.1:1/v1"], "/role broken", "/roles")
    message = str(home.folder / "roles" / "broken.md")
    assert errors(events)[0].startswith(message)
    assert line is None or f"line {line}" in errors(events)[0]
    assert said in next(str(event) for event in events if isinstance(event, Notice))
    tables = [event for event in events if isinstance(event, Table)]
    assert any(row[0] == "broken" for row in tables[0].rows)


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "", "x" * 80, "a\x00b"])
async def test_a_role_is_never_looked_for_outside_its_folder(home: Home, name: str) -> None:
    with pytest.raises(UsageError):
        await RoleFiles(home.folder / "roles").read(name)


SHIPPED = RoleFiles(Path("/nonexistent")).names()


def test_a_handful_of_roles_ships() -> None:
    assert {"translator", "programmer", "tutor", "critic", "shell"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_role_is_sound(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / "home")
    home.person.answers = ["something"] * 5
    with SseServer() as server:
        events = home.talk(["--base-url", server.base_url, "-m", "m"], f"/role {name}", "hi")
        request = server.requests[-1]
    assert not errors(events)
    assert request.messages[0]["role"] == "system"
    assert "{{" not in json.dumps(request.messages)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=40)
VALUES = st.one_of(TEXTS, st.booleans(), st.integers(-(2**53), 2**53), st.floats(0, 2))


@given(
    st.dictionaries(
        TEXTS.filter(bool),
        st.one_of(VALUES, st.lists(VALUES, max_size=3), st.dictionaries(TEXTS, VALUES, max_size=3)),
        max_size=4,
    )
)
def test_written_toml_reads_as_it_was(table: dict[str, Json]) -> None:
    assert tomllib.loads(to_toml(table)) == table


@given(
    TEXTS,
    TEXTS,
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), max_size=3),
    st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), TEXTS, max_size=2),
)
def test_a_written_role_reads_as_it_was(
    system: str, reminder: str, examples: list[tuple[str, str]], variables: dict[str, str]
) -> None:
    system = "\n".join(line for line in system.split("\n") if line.rstrip() != "+++").strip()
    role = Role(
        "r",
        system,
        reminder=reminder,
        examples=tuple(examples),
        settings={"temperature": 0.5, "stop": ["\n", '"'], "extra.top_k": 3},
        variables=variables,
    )
    assert parse_role("r", format_role(role)) == role


@given(TEXTS | st.from_regex(r"\\?\{\{ ?[a-z]{1,3} ?\}\}x", fullmatch=True))
def test_a_protected_text_holds_no_variables_and_comes_back(text: str) -> None:
    role = Role("r", escape_variables(text))
    assert not variables_of(role)
    if "\\{{" not in text:
        assert fill_variables(role, {}).system == text


def test_variables_inside_the_value_of_a_variable_are_text() -> None:
    role = Role("r", "{{a}} {{b}} \\{{c}}")
    assert fill_variables(role, {"a": "{{b}}", "b": "x"}).system == "{{b}} x {{c}}"
