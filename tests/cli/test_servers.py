"""The choice of the server among command line, environment, profile and file."""

from pathlib import Path

import pytest

from chatrepl.cli.arguments import parse_options
from chatrepl.cli.configure import choose_server
from chatrepl.core.json_value import Json
from chatrepl.core.ports.chat_model import Server
from chatrepl.services.files.configuration import Configuration

CLUSTER = "http://cluster.example/v1"
ELSEWHERE = "http://elsewhere.example/v1"
KEY = "sk-canary-0123456789abcdef"
OTHER = "sk-other-canary-0123456789"


def chosen(
    *arguments: str,
    top: dict[str, Json] | None = None,
    profile: dict[str, Json] | None = None,
    **environment: str,
) -> Server:
    profiles = {} if profile is None else {"work": profile}
    configuration = Configuration(Path("config.toml"), top or {}, profiles)
    options = parse_options(list(arguments))
    server = choose_server(options, environment, configuration, "work" if profiles else None)
    assert server is not None
    return server


def key_of(server: Server) -> str | None:
    return server.api_key.value if server.api_key else None


def test_a_profile_with_a_key_alone_is_openais_server_whatever_the_environment_names() -> None:
    server = chosen(
        profile={"api_key_env": "WORK_KEY"},
        WORK_KEY=KEY,
        OPENAI_BASE_URL=ELSEWHERE,
        OPENAI_API_KEY=OTHER,
    )
    assert (server.base_url, key_of(server)) == ("https://api.openai.com/v1", KEY)


def test_an_address_in_the_file_beats_a_key_in_the_environment_and_gets_none() -> None:
    server = chosen(top={"base_url": CLUSTER}, OPENAI_API_KEY=KEY)
    assert (server.base_url, key_of(server)) == (CLUSTER, None)


@pytest.mark.parametrize("arguments", [(), ("--base-url", ELSEWHERE)])
def test_the_patience_of_the_file_holds_for_any_server(arguments: tuple[str, ...]) -> None:
    assert chosen(*arguments, top={"timeout_s": 5}, OPENAI_API_KEY=KEY).timeout_s == 5
    own = chosen(*arguments, top={"timeout_s": 5}, profile={"timeout_s": 7}, OPENAI_API_KEY=KEY)
    assert own.timeout_s == 7


def test_headers_of_the_file_go_to_openai_alone_where_the_file_has_no_address() -> None:
    headers: Json = {"X-Team": "secret"}
    assert chosen(top={"headers": headers}, OPENAI_API_KEY=KEY).headers == headers
    for server in (
        chosen("--base-url", ELSEWHERE, top={"headers": headers}, OPENAI_API_KEY=KEY),
        chosen(top={"headers": headers}, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=ELSEWHERE),
        chosen(top={"headers": headers}, profile={"base_url": CLUSTER}, OPENAI_API_KEY=KEY),
    ):
        assert server.headers == {}
