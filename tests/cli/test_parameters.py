"""Every parameter, set in every way, as it arrives at a server."""

import json
from pathlib import Path

import pytest

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.settings.kinds import Text
from chatrepl.core.settings.table import SETTINGS
from chatrepl.core.text.toml import to_toml
from tests.support.events import errors, notices
from tests.support.servers.sse_server import SseServer
from tests.support.wired_session import Home

ALWAYS = {"model", "messages", "stream", "stream_options"}
SCHEMA: dict[str, Json] = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}

CASES: list[tuple[str, str, list[str], Json, Json]] = [
    # setting, as typed, as an option, in a file, as sent
    ("temperature", "0.5", ["0.5"], 0.5, 0.5),
    ("top_p", "0.25", ["0.25"], 0.25, 0.25),
    ("max_tokens", "1k", ["1k"], 1000, 1000),
    ("presence_penalty", "-2", ["-2"], -2, -2),
    ("frequency_penalty", "1.5", ["1.5"], 1.5, 1.5),
    ("stop", '"\\n\\n" END', ["\n\n", "END"], ["\n\n", "END"], ["\n\n", "END"]),
    ("stop", '" 终 了" "\\t"', [" 终 了", "\t"], [" 终 了", "\t"], [" 终 了", "\t"]),
    ("n", "4", ["4"], 4, 4),
    ("seed", "-7", ["-7"], -7, -7),
    ("logit_bias", "#5=-100 #7=3.5", ["#5=-100 #7=3.5"], {"5": -100, "7": 3.5}, None),
    ("logprobs", "on", [], True, True),
    ("top_logprobs", "20", ["20"], 20, 20),
    ("reasoning_effort", "low", ["low"], "low", "low"),
    ("verbosity", "high", ["high"], "high", "high"),
    ("response_format", "json_object", ["json_object"], "json_object", {"type": "json_object"}),
    ("response_format", json.dumps(SCHEMA), [json.dumps(SCHEMA)], SCHEMA, SCHEMA),
    ("service_tier", "flex", ["flex"], "flex", "flex"),
    ("service_tier", '"default"', ["default"], "default", "default"),
    ("user", "someone@here", ["someone@here"], "someone@here", "someone@here"),
    ("extra.top_k", "40", ["40"], 40, 40),
    ("extra.list", '[1, "two"]', ['[1, "two"]'], [1, "two"], [1, "two"]),
    ("extra.text", "as it is", ["as it is"], "as it is", "as it is"),
    ("extra.quoted", '"{a} \\"b\\""', ['"{a} \\"b\\""'], '{a} "b"', '{a} "b"'),
    ("extra.guided", '{"a": [1]}', ['{"a": [1]}'], {"a": [1]}, {"a": [1]}),
]
WAYS = ("command", "option", "configuration", "profile", "role", "session")


def test_the_cases_cover_every_parameter_of_the_table() -> None:
    assert {setting.key for setting in SETTINGS if setting.is_parameter} <= {
        case[0] for case in CASES
    }


def option_words(key: str, words: list[str]) -> list[str]:
    if key.startswith("extra."):
        return ["-o", key.removeprefix("extra."), *words]
    name = "--" + key.replace("_", "-")
    return [f"{name}={word}" for word in words] or [name]


def file_table(key: str, value: Json) -> dict[str, Json]:
    if key.startswith("extra."):
        return {"extra": {key.removeprefix("extra."): value}}
    return {key: value}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_parameter_arrives_exactly_and_nothing_else_does(
    tmp_path: Path, case: tuple[str, str, list[str], Json, Json], way: str
) -> None:
    key, typed, words, in_file, sent = case
    expected = in_file if sent is None else sent
    home = Home(tmp_path / "home")
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        match way:
            case "command":
                events = home.talk(options, f"/set {key} {typed}", "hi")
            case "option":
                events = home.talk([*options, *option_words(key, words)], "hi")
            case "configuration":
                home.configure(to_toml(file_table(key, in_file)))
                events = home.talk(options, "hi")
            case "profile":
                home.configure(to_toml({"profiles": {"p": file_table(key, in_file)}}))
                events = home.talk([*options, "-P", "p"], "hi")
            case "role":
                home.role(
                    "r", "+++\n" + to_toml({"parameters": file_table(key, in_file)}) + "+++\n"
                )
                events = home.talk([*options, "-R", "r"], "hi")
            case _:
                home.talk([*options, "-S", "s"], "first", f"/set {key} {typed}")
                events = home.talk([*options, "-r", "s"], "hi")
        body = server.requests[-1].body
    assert not errors(events)
    assert set(body) == ALWAYS | {key.removeprefix("extra.")}
    assert body[key.removeprefix("extra.")] == expected


def test_a_request_without_settings_has_only_the_fields_it_needs(tmp_path: Path) -> None:
    with SseServer() as server:
        home = Home(tmp_path / "home")
        home.talk(["--base-url", server.base_url, "-m", "m"], "hi")
        home.talk(
            ["--base-url", server.base_url, "-m", "m"], "/temperature 1", "/temp default", "x"
        )
        home.talk(["--base-url", server.base_url, "-m", "m", "--no-stream"], "hi")
    bodies = [set(request.body) for request in server.requests]
    assert bodies == [ALWAYS, ALWAYS, ALWAYS - {"stream", "stream_options"}]


def test_a_reset_unsets_what_a_lower_layer_set(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.configure("temperature = 0.5\n")
    with SseServer() as server:
        home.talk(["--base-url", server.base_url, "-m", "m"], "/temperature default", "hi")
    assert "temperature" not in server.requests[0].body


BAD: list[tuple[str, str, Json, str]] = [
    ("temperature", "2.1", 2.1, "a number between 0 and 2"),
    ("temperature", "-0.1", -0.1, "a number between 0 and 2"),
    ("temperature", "nan", "warm", "a number between 0 and 2"),
    ("temperature", "9" * 400, 10**400, "a number between 0 and 2"),
    ("top_p", "1.01", 1.01, "a number between 0 and 1"),
    ("max_tokens", "0", 0, "a whole number of at least 1"),
    ("max_tokens", "1.5", 1.5, "a whole number of at least 1"),
    ("presence_penalty", "2.5", 2.5, "a number between -2 and 2"),
    ("frequency_penalty", "-2.5", -2.5, "a number between -2 and 2"),
    ("stop", "a b c d e", ["a", "b", "c", "d", "e"], "1 to 4 texts"),
    ("n", "0", 0, "a whole number between 1 and 8"),
    ("n", "9", 9, "a whole number between 1 and 8"),
    ("n", "1.5", 1.5, "a whole number between 1 and 8"),
    ("seed", "x", "x", "a whole number"),
    ("seed", "1.5", True, "a whole number"),
    ("seed", str(2**63), 2**63, "more than the 64 bits of a whole number"),
    ("logit_bias", "#5=101", {"5": 101}, "a number between -100 and 100"),
    ("logit_bias", "nothing", [], "each number between -100 and 100"),
    ("logprobs", "maybe", "maybe", "or"),
    ("top_logprobs", "-1", -1, "a whole number between 0 and 20"),
    ("top_logprobs", "21", 21, "a whole number between 0 and 20"),
    ("verbosity", "loud", "loud", "one of low, medium, high"),
    ("reasoning_effort", "very much", "very much", "minimal, low, medium, high"),
    ("response_format", "yaml", "yaml", "text, json_object, a JSON schema's file"),
    ("response_format", '{"type": "json_schema"}', {"type": "json_schema"}, "under json_schema"),
    ("response_format", "[1]", [1], "text, json_object, a JSON schema's file"),
    ("service_tier", "the best", "the best", 'auto, "default", flex, priority'),
]


def test_every_parameter_that_has_a_range_is_tried_out_of_it() -> None:
    with_a_range = {s.key for s in SETTINGS if s.is_parameter and not isinstance(s.kind, Text)}
    assert {bad[0] for bad in BAD} == with_a_range


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad[0]} {bad[1]}")
def test_a_value_out_of_range_is_refused_with_the_range_and_nothing_changes(
    tmp_path: Path, bad: tuple[str, str, Json, str]
) -> None:
    key, typed, in_file, said = bad
    home = Home(tmp_path / "home")
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        events = home.talk(options, f"/{key} {typed}", "hi")
        assert set(server.requests[-1].body) == ALWAYS
        assert key in errors(events)[0]
        assert said in errors(events)[0]
        if key != "logprobs":
            name = "--" + key.replace("_", "-")
            words = typed.split() if key == "stop" else [typed]
            with pytest.raises(UsageError, match=name) as caught:
                home.talk([*options, *(f"{name}={word}" for word in words)], "hi")
            assert said in caught.value.message
        home.role("r", "+++\n" + to_toml({"parameters": {key: in_file}}) + "+++\n")
        events = home.talk(options, "/role r")
        assert key in errors(events)[0]
        home.configure(f"model = 'm'\n{to_toml({key: in_file})}")
        with pytest.raises(UsageError, match=r"config\.toml, line ") as caught:
            home.talk(options, "hi")
        assert key in caught.value.message


@pytest.mark.parametrize("table", ["", "[profiles.p]\n"])
def test_extra_fields_of_a_file_are_checked_and_faults_name_their_line(
    tmp_path: Path, table: str
) -> None:
    home = Home(tmp_path / "home")
    home.configure(f"{table}extra.top_k = 1\nextra.temperature = 1\n")
    with pytest.raises(UsageError, match=r"line [23]: temperature is no extra field") as caught:
        home.talk(["--base-url", "http://127.0.0.1:1/v1"])
    assert "line 3" in caught.value.message or not table


def test_an_option_of_the_table_is_no_further_field(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for field, option in (("temperature", "--temperature"), ("max_completion_tokens", "--max-")):
        with pytest.raises(UsageError, match=f"-o {field}") as caught:
            home.talk(["--base-url", "http://127.0.0.1:1/v1", "-o", field, "1"])
        assert option in caught.value.hint
    with pytest.raises(UsageError, match=r"-o top_k: .* begins like JSON"):
        home.talk(["--base-url", "http://127.0.0.1:1/v1", "-o", "top_k", "{"])


def test_tab_offers_values_and_what_resets_to_what(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    options = ["--base-url", "http://127.0.0.1:1/v1", "-o", "top_k", "40", "-t", "1"]
    assert home.offered(options, "/service_tier ")[:2] == ["auto", '"default"']
    assert home.offered(options, "/temperature ") == ["default"]
    assert home.offered(options, "/set verbosity l") == ["low"]
    assert {"extra.", "extra.top_k"} <= set(home.offered(options, "/set extra"))


def test_words_are_biased_by_the_tokens_of_the_model_s_own_vocabulary(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "gpt-4o"]
        events = home.talk(options, '/logit_bias hello=-100 " delve"=-5 #7=1', "hi", "/logit_bias")
        home.talk([*options, "-m", "gpt-4"], "/logit_bias hello=-100", "hi")
    newer, older = (request.body["logit_bias"] for request in server.requests)
    # tiktoken: o200k_base encodes "hello" as 24912, cl100k_base as 15339.
    assert newer["24912"] == -100
    assert newer["7"] == 1
    assert -5 in newer.values()
    assert older == {"15339": -100}
    shown = [text for text in notices(events) if text.startswith("logit_bias: ")]
    assert shown[0].startswith('logit_bias: hello=-100 " delve"=-5 #7=1')


def test_a_text_of_several_tokens_biases_each_and_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "gpt-4o"]
        events = home.talk(options, "/logit_bias incomprehensibilities=-100", "hi")
    sent = server.requests[0].body["logit_bias"]
    assert len(sent) > 1
    assert set(sent.values()) == {-100}
    assert all(number in str(events) for number in sent)


def test_a_word_of_an_unknown_vocabulary_is_never_guessed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "some-llama"]
        first = home.talk(options, "/logit_bias hello=5", "hi")
        second = home.talk([*options, "--logit-bias", "hello=5"], "hi")
    assert "vocabulary of some-llama is not known" in errors(first)[0]
    assert "logit_bias" not in server.requests[0].body
    assert "vocabulary of some-llama is not known" in errors(second)[0]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (json.dumps(SCHEMA), SCHEMA),
        ('{"name": "y", "schema": {"a": 1}, "strict": true}', {"name": "y", "strict": True}),
        ('{"type": "object"}', {"name": "my_answer", "schema": {"type": "object"}}),
    ],
)
def test_a_schema_in_a_file_becomes_the_response_format(
    tmp_path: Path, text: str, sent: dict[str, Json]
) -> None:
    path = tmp_path / "my answer.json"
    path.write_text(text, "utf-8")
    home = Home(tmp_path / "home")
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        events = home.talk(options, f"/response_format {path}", "hi")
        home.talk([*options, "--response-format", str(path)], "hi")
    assert not errors(events)
    by_command, by_option = (request.body["response_format"] for request in server.requests)
    assert by_command == by_option
    assert by_command["type"] == "json_schema"
    assert sent.items() <= {**by_command, **by_command["json_schema"]}.items()


def test_a_file_that_names_a_schema_has_it_beside_itself(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    named = "response_format = 'answer.json'\n"
    home.configure(named + f"[profiles.p]\n{named}")
    home.role("r", f"+++\n[parameters]\n{named}+++\n")
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        with pytest.raises(UsageError, match=r"config\.toml, line 1: .*answer\.json"):
            home.talk(options, "hi")
        (home.folder / "answer.json").write_text('{"type": "object"}', "utf-8")
        assert len(errors(home.talk(options, "/role r"))) == 1
        (home.folder / "roles" / "answer.json").write_text('{"type": "array"}', "utf-8")
        home.talk(options, "hi", "/role r", "hi")
        home.talk([*options, "-P", "p"], "hi")
    sent = [r.body["response_format"]["json_schema"] for r in server.requests]
    assert [form["name"] for form in sent] == ["answer"] * 3
    assert [form["schema"]["type"] for form in sent] == ["object", "array", "object"]


def test_a_schema_s_path_may_stand_in_quotes_and_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my answer.json").write_text('{"type": "object"}', "utf-8")
    (tmp_path / "answer.json").write_text('{"type": "object"}', "utf-8")
    (tmp_path / "answer.txt").write_text("", "utf-8")
    home = Home(tmp_path / "home")
    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "m"]
        events = home.talk(options, '/response_format "my answer.json"', "hi")
        offered = home.offered(options, "/response_format an")
    assert not errors(events)
    assert server.requests[0].body["response_format"]["json_schema"]["name"] == "my_answer"
    assert "answer.json" in offered
    assert "answer.txt" not in offered


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "3", "{}", '{"a": 1}', '{"type": "thing"}', '{"properties": 3}']
)
def test_a_file_that_holds_no_schema_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, "utf-8")
    home = Home(tmp_path / "home")
    options = ["--base-url", "http://127.0.0.1:1/v1"]
    events = home.talk(options, f"/response_format {path}", f"/response_format {path}x.json")
    assert len(errors(events)) == 2
