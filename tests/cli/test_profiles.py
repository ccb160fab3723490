"""Profiles: servers, keys, models and settings, switched in mid-conversation."""

from pathlib import Path

import pytest

from chatrepl.cli.arguments import parse_options
from chatrepl.cli.wiring import wire
from chatrepl.core.commands.completion import complete
from chatrepl.core.events import Table
from tests.support.events import answer_text, errors, notices
from tests.support.servers.sse_server import SseServer
from tests.support.session_talk import say
from tests.support.wired_session import Home

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def two_profiles(first: SseServer, second: SseServer) -> str:
    return (
        f'[profiles.first]\nbase_url = "{first.base_url}"\nmodel = "one"\ntemperature = 0.1\n'
        f'api_key_env = "FIRST_KEY"\n'
        f'[profiles.second]\nbase_url = "{second.base_url}"\nmodel = "two"\n'
    )


def test_a_profile_switches_server_key_model_and_parameters_in_mid_conversation(
    home: Home,
) -> None:
    with SseServer() as first, SseServer() as second:
        home.configure(two_profiles(first, second))
        home.environment = {"FIRST_KEY": KEY}
        events = home.talk(["-P", "first"], "hello", "/profile second", "again", "/profile first")
    assert not errors(events)
    assert first.requests[0].body["temperature"] == 0.1
    assert first.requests[0].headers["authorization"] == f"Bearer {KEY}"
    again = second.requests[0]
    assert again.body["model"] == "two"
    assert "temperature" not in again.body
    assert KEY not in str(again.headers)
    assert again.messages[0]["content"] == "hello"
    assert any("second: two at 127.0.0.1" in notice for notice in notices(events))


def test_a_model_that_was_chosen_for_one_server_does_not_follow_to_another(home: Home) -> None:
    with SseServer() as first, SseServer() as second:
        home.configure(two_profiles(first, second))
        home.environment = {"FIRST_KEY": KEY}
        home.talk(["-P", "first", "-m", "special"], "/model other", "/profile second", "hi")
    assert second.requests[-1].body["model"] == "two"


def test_default_goes_back_to_what_holds_without_a_profile(home: Home) -> None:
    with SseServer() as first, SseServer() as second:
        home.configure(two_profiles(first, second))
        options = ["--base-url", first.base_url, "-t", "0.7", "-m", "mine"]
        home.talk(options, "one", "/profile second", "two", "/profile default", "/model mine", "3")
    assert [request.body["temperature"] for request in first.requests] == [0.7, 0.7]
    assert second.requests[0].body["temperature"] == 0.7


def test_an_unknown_profile_changes_nothing_and_names_the_nearest(home: Home) -> None:
    with SseServer() as first, SseServer() as second:
        home.configure(two_profiles(first, second))
        events = home.talk(["-P", "second"], "/profile secnd", "still here")
    assert "there is no profile “secnd”" in errors(events)[0]
    assert len(second.requests) == 1


def test_an_azure_profile_asks_the_deployment_with_version_and_key_of_its_own(home: Home) -> None:
    with SseServer() as server:
        server.answer("from a deployment")
        root = server.base_url.removesuffix("/v1")
        path = "/openai/deployments/my-gpt/chat/completions"
        home.configure(
            f'[profiles.azure]\nbase_url = "{root}"\nazure_api_version = "2024-10-21"\n'
            'api_key_env = "AZURE_KEY"\nmodel = "my-gpt"\n'
        )
        home.environment = {"AZURE_KEY": KEY}
        events = home.talk(["-P", "azure"], "hello")
        request = server.requests[0]
    assert answer_text(events) == "from a deployment"
    assert request.path == path
    assert request.query == "api-version=2024-10-21"
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers


def test_an_azure_version_without_an_address_is_told(home: Home) -> None:
    home.configure('[profiles.azure]\nazure_api_version = "2024-10-21"\n')
    events = home.talk(["--base-url", "http://127.0.0.1:1/v1"], "/profile azure")
    assert not errors(events)
    home.configure(
        '[profiles.azure]\nazure_api_version = "2024-10-21"\napi_key_env = "AZURE_KEY"\n'
    )
    home.environment = {"AZURE_KEY": KEY}
    events = home.talk(["--base-url", "http://127.0.0.1:1/v1"], "/profile azure")
    assert "has azure_api_version and no base_url" in errors(events)[0]


def test_a_typed_key_is_hidden_goes_to_its_server_only_and_is_written_nowhere(home: Home) -> None:
    with SseServer() as first, SseServer() as second:
        home.configure(two_profiles(first, second).replace('api_key_env = "FIRST_KEY"\n', ""))
        home.person.answers = [f" {KEY}\n"]
        lines = ("/key", "hi", "/profile second", "hi", "/profile first", "hi", "/info")
        events = home.talk(["-P", "first"], *lines)
    assert home.person.asked[0][1] is True
    authorizations = [request.headers["authorization"] for request in first.requests]
    assert authorizations == [f"Bearer {KEY}"] * 2
    assert KEY not in str(second.requests[0].headers)
    assert KEY not in str(events)
    written = [path for path in home.folder.rglob("*") if path.is_file()]
    assert written
    assert all(KEY.encode() not in path.read_bytes() for path in written)


def test_a_key_in_clear_after_the_command_is_not_taken(home: Home) -> None:
    with SseServer() as server:
        events = home.talk(["--base-url", server.base_url], f"/key {KEY}", "hi")
    assert "never typed in clear" in errors(events)[0]
    assert KEY not in str(server.requests[-1].headers)


def test_models_are_asked_for_once_and_filtered_with_window_and_price(home: Home) -> None:
    with SseServer() as server:
        server.models = ["gpt-4.1-mini", "llama-3", {"id": "own", "max_model_len": 4096}]
        events = home.talk(
            ["--base-url", server.base_url], "/models", "/models GPT", "/models --fresh own"
        )
    tables = [event for event in events if isinstance(event, Table)]
    assert [row[0] for row in tables[0].rows] == ["gpt-4.1-mini", "llama-3", "own"]
    assert [row[0] for row in tables[1].rows] == ["gpt-4.1-mini"]
    assert tables[1].rows[0][2:4] == ("0.4", "1.6")
    assert tables[2].rows[0][1] == "4,096"
    assert len(server.requests) == 2


def test_a_server_without_a_list_of_models_wants_one_named(home: Home) -> None:
    with SseServer() as server:
        server.error(404, {"detail": "Not Found"}, to="models")
        events = home.talk(["--base-url", server.base_url], "hi", "/model mine", "hi")
    assert "lists no models" in errors(events)[0]
    assert server.requests[-1].body["model"] == "mine"


def test_a_profile_s_headers_query_and_organisation_travel_with_it_only(home: Home) -> None:
    with SseServer() as first, SseServer() as second:
        home.configure(
            f'[profiles.first]\nbase_url = "{first.base_url}"\nmodel = "one"\n'
            'organization = "org-1"\nheaders = { X-Team = "blue" }\nquery = { region = "north" }\n'
            f'[profiles.second]\nbase_url = "{second.base_url}"\nmodel = "two"\n'
        )
        home.talk(["-P", "first"], "hi", "/profile second", "hi")
    assert first.requests[0].headers["x-team"] == "blue"
    assert first.requests[0].headers["openai-organization"] == "org-1"
    assert first.requests[0].query == "region=north"
    assert "x-team" not in second.requests[0].headers
    assert "openai-organization" not in second.requests[0].headers
    assert not second.requests[0].query


async def offered_models(home: Home, server: SseServer) -> list[str]:
    async with home.opened(["--base-url", server.base_url]) as program:
        await program.session.model_directory.recall()
        return [suggestion.text for suggestion in complete(program.session, "/model q")]


async def test_models_that_a_server_listed_once_are_completed_in_a_later_run(home: Home) -> None:
    with SseServer() as server, SseServer() as other:
        server.models = ["qwen", "quill", "llama"]
        async with home.opened(["--base-url", server.base_url]) as program:
            await say(program.session, "/models")
        count = len(server.requests)
        assert await offered_models(home, server) == ["qwen", "quill"]
        assert await offered_models(home, other) == []
        assert len(server.requests) == count


@pytest.mark.parametrize(
    ("arguments", "variable", "is_local"),
    [
        (["-P", "local"], "", True),
        ([], "local", True),
        (["--base-url", "http://127.0.0.1:1/v1"], "local", False),
        (["-P", "mine"], "local", False),
    ],
)
def test_the_built_in_model_is_chosen_like_a_profile(
    home: Home, arguments: list[str], variable: str, is_local: bool
) -> None:
    home.configure('[profiles.mine]\nbase_url = "http://127.0.0.1:1/v1"\n')
    environment = {"CHATREPL_HOME": str(home.folder), "CHATREPL_PROFILE": variable}
    assert wire(parse_options(arguments), environment).session.servers.uses_local == is_local


def test_a_profile_of_the_name_local_is_what_the_user_says_it_is(home: Home) -> None:
    home.configure('[profiles.local]\nbase_url = "http://127.0.0.1:1/v1"\n')
    session = wire(parse_options(["-P", "local"]), {"CHATREPL_HOME": str(home.folder)}).session
    assert not session.servers.uses_local
    assert session.servers.current is not None


def test_profiles_are_listed_with_server_and_model(home: Home) -> None:
    with SseServer() as first, SseServer() as second:
        home.configure(two_profiles(first, second))
        events = home.talk(["-P", "second"], "/profile")
        table = next(event for event in events if isinstance(event, Table))
    assert [row[1:3] for row in table.rows] == [
        ("first", first.base_url),
        ("second", second.base_url),
        ("local", "this machine"),
    ]
    assert [row[0] for row in table.rows] == ["", "→", ""]


def test_leaving_the_only_server_s_profile_says_that_there_is_none(home: Home) -> None:
    with SseServer() as first, SseServer() as second:
        home.configure(two_profiles(first, second))
        events = home.talk(["-P", "second"], "/profile default")
    assert notices(events)[-1] == "no profile any more, and no server without one"


def test_an_unknown_azure_deployment_is_told_as_a_deployment(home: Home) -> None:
    with SseServer() as server:
        root = server.base_url.removesuffix("/v1")
        home.configure(f'base_url = "{root}"\nazure_api_version = "2024-10-21"\nmodel = "my-gpt"\n')
        events = home.talk([], "hello")
    assert "no such deployment" in errors(events)[0]
    assert "/v1" not in errors(events)[0]
