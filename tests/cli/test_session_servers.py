"""A session goes on with the server that it had, whatever way it is opened again."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Level, Notice
from tests.support.events import errors
from tests.support.fakes import ScriptedPerson
from tests.support.servers.sse_server import SseServer
from tests.support.wired_session import Home

SECRET = "the formula is kept here"
KEY = "sk-canary-0123456789abcdef"


@dataclass
class Servers:
    """The private server, the one that holds without a choice, and a further one."""

    home: Home
    private: SseServer
    usual: SseServer
    other: SseServer

    def configure(self, *, private: str | None = None) -> None:
        """Write the configuration; ``private``: the address of that profile, "" for none."""
        address = self.private.base_url if private is None else private
        profile = (
            f'[profiles.private]\nbase_url = "{address}"\nmodel = "mine"\n'
            'api_key_env = "PRIVATE_KEY"\n'
        )
        self.home.configure(
            f'base_url = "{self.usual.base_url}"\nmodel = "usual"\n{profile if address else ""}'
            f'[profiles.other]\nbase_url = "{self.other.base_url}"\nmodel = "another"\n'
        )

    def begin(self, *arguments: str) -> None:
        """Say the secret in a session of a profile."""
        self.home.talk([*(arguments or ("-P", "private")), "-S", "conf"], SECRET)
        assert told(self.private) == 1


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    with SseServer() as private, SseServer() as usual, SseServer() as other:
        home = Home(tmp_path / "home", {"PRIVATE_KEY": KEY})
        found = Servers(home, private, usual, other)
        found.configure()
        yield found


def told(server: SseServer) -> int:
    """Return how many requests to a server contain the secret."""
    return sum(SECRET in str(request.body) for request in server.requests if request.body)


def host(server: SseServer) -> str:
    return server.base_url.removeprefix("http://").removesuffix("/v1")


def lines_about(events: list[Event], server: SseServer) -> list[str]:
    """Return the warnings that name a server's host."""
    return [
        event.text
        for event in events
        if isinstance(event, Notice) and event.level is Level.WARNING and host(server) in event.text
    ]


Way = tuple[list[str], dict[str, str], list[str]]
PROFILE_WAYS: dict[str, Way] = {
    "-P": (["-P", "private"], {}, []),
    "/profile": ([], {}, ["/profile private"]),
    "CHATREPL_PROFILE": ([], {"CHATREPL_PROFILE": "private"}, []),
}
ADDRESS_WAYS: dict[str, Way] = {
    "--base-url": (["--base-url", "ADDRESS"], {}, []),
    "OPENAI_BASE_URL": ([], {"OPENAI_BASE_URL": "ADDRESS"}, []),
}
CHOICES = {**PROFILE_WAYS, **ADDRESS_WAYS}
RETURNS: dict[str, tuple[list[str], list[str]]] = {
    "-c": (["-c"], []),
    "-r": (["-r", "conf"], []),
    "-S": (["-S", "conf"], []),
    "-c unsaved": (["-c", "--no-save"], []),
    "-r unsaved": (["-r", "conf", "--no-save"], []),
    "/load": ([], ["/load conf"]),
    "/resume": ([], ["/resume conf"]),
    "/load words": ([], ["/load formula kept"]),
    "/load number": ([], ["/sessions", "/load 1"]),
    "/search": ([], ["/search formula", "/load 1"]),
    "from the bin": ([], ["/load conf"]),
    "in a chat": ([], ["something else", "/load conf"]),
    "/fork": ([], ["/load conf", "/fork copy"]),
    "-c /fork": (["-c"], ["/fork"]),
}


def begin_by(servers: Servers, choice: str) -> None:
    """Say the secret to the private server, which is chosen in one of the ways."""
    options, variables, lines = CHOICES[choice]
    address = servers.private.base_url
    home = servers.home
    options = [address if option == "ADDRESS" else option for option in options]
    chosen = {name: address if text == "ADDRESS" else text for name, text in variables.items()}
    home.environment, kept = {**home.environment, **chosen}, home.environment
    events = home.talk([*options, "-S", "conf"], *lines, SECRET)
    home.environment = kept
    assert not errors(events)
    assert (told(servers.private), told(servers.usual)) == (1, 0)


def way_of(servers: Servers, way_back: str) -> tuple[list[str], list[str]]:
    """Return the options and lines that open the session again."""
    if way_back == "from the bin":
        replace(servers.home, person=ScriptedPerson(says_yes=True)).talk([], "/delete conf")
    return RETURNS[way_back]


@pytest.mark.parametrize("way_back", RETURNS)
@pytest.mark.parametrize("choice", PROFILE_WAYS)
@pytest.mark.parametrize("has_person", [True, False])
def test_a_session_of_a_profile_goes_on_with_it(
    servers: Servers, choice: str, way_back: str, has_person: bool
) -> None:
    begin_by(servers, choice)
    options, lines = way_of(servers, way_back)
    servers.home.has_person = has_person
    events = servers.home.talk(options, *lines, "next")
    assert not errors(events)
    assert (told(servers.private), told(servers.usual)) == (2, 0)
    last = servers.private.requests[-1]
    assert last.body["model"] == "mine"
    assert last.headers["authorization"] == f"Bearer {KEY}"
    assert not servers.home.person.confirmed


@pytest.mark.parametrize("way_back", RETURNS)
@pytest.mark.parametrize("choice", ADDRESS_WAYS)
@pytest.mark.parametrize("says_yes", [True, False])
def test_a_session_of_an_address_that_is_gone_is_asked_about(
    servers: Servers, choice: str, way_back: str, says_yes: bool
) -> None:
    begin_by(servers, choice)
    options, lines = way_of(servers, way_back)
    servers.home.person = ScriptedPerson(says_yes=says_yes)
    if says_yes or not options:
        events = servers.home.talk(options, *lines, "next")
        assert bool(errors(events)) is not says_yes
        assert len(lines_about(events, servers.private)) == 1
    else:
        with pytest.raises(UsageError, match="another server"):
            servers.home.talk(options, *lines, "next")
    [question] = servers.home.person.confirmed
    assert host(servers.usual) in question
    assert (told(servers.private), told(servers.usual)) == (1, 1 if says_yes else 0)


@pytest.mark.parametrize("way_back", RETURNS)
@pytest.mark.parametrize("choice", ADDRESS_WAYS)
def test_where_nobody_can_be_asked_it_is_refused_or_allowed_by_the_option(
    servers: Servers, choice: str, way_back: str
) -> None:
    begin_by(servers, choice)
    options, lines = way_of(servers, way_back)
    servers.home.has_person = False
    if options:
        with pytest.raises(UsageError, match="--allow-server-change") as caught:
            servers.home.talk(options, *lines, "next")
        assert caught.value.exit_code == 2
    else:
        events = servers.home.talk(options, *lines, "next")
        refusals = [event for event in events if isinstance(event, Notice) and event.exit_code == 2]
        assert "--allow-server-change" in refusals[0].hint
    assert told(servers.usual) == 0
    events = servers.home.talk(["--allow-server-change", "-r", "conf"], "next")
    assert told(servers.usual) == 1
    assert len(lines_about(events, servers.usual)) == 1


@pytest.mark.parametrize("way_back", RETURNS)
@pytest.mark.parametrize("named", ["-P", "--base-url", "/profile"])
def test_a_server_that_this_run_names_goes_first_and_one_line_says_so(
    servers: Servers, named: str, way_back: str
) -> None:
    servers.begin()
    options, lines = way_of(servers, way_back)
    chosen = {"-P": ["-P", "other"], "--base-url": ["--base-url", servers.other.base_url]}
    first = ["/profile other"] if named == "/profile" else []
    if first and options:
        pytest.skip("the session is open before a command can be typed")
    events = servers.home.talk([*chosen.get(named, []), *options], *first, *lines, "next")
    assert not errors(events)
    assert not servers.home.person.confirmed
    assert (told(servers.private), told(servers.usual), told(servers.other)) == (1, 0, 1)
    assert servers.other.requests[-1].body["model"] != "mine"
    [line] = lines_about(events, servers.private)
    assert host(servers.other) in line
    assert "profile private" in line


@pytest.mark.parametrize("address", ["", "moved"])
def test_a_profile_that_is_gone_or_leads_elsewhere_is_asked_about(
    servers: Servers, address: str
) -> None:
    servers.begin()
    servers.configure(private=address and servers.other.base_url)
    servers.home.has_person = False
    with pytest.raises(UsageError, match="another server"):
        servers.home.talk(["-c"], "next")
    assert (told(servers.private), told(servers.usual), told(servers.other)) == (1, 0, 0)
    events = servers.home.talk(["-c", "--allow-server-change"], "next")
    taken = servers.other if address else servers.usual
    assert told(taken) == 1
    [line] = lines_about(events, servers.private)
    assert ("profile private is not in the configuration" in line) is (address == "")
    # From now on this is the server that the session last used.
    servers.home.talk(["-c"], "next")
    assert told(taken) == 2


def test_a_profile_whose_key_is_not_to_be_had_is_not_replaced_unasked(servers: Servers) -> None:
    servers.begin()
    servers.home.environment = {}
    servers.home.has_person = False
    with pytest.raises(UsageError, match="another server"):
        servers.home.talk(["-c"], "next")
    assert told(servers.usual) == 0


def test_a_profile_without_a_server_of_its_own_names_none(servers: Servers) -> None:
    servers.begin()
    with (servers.home.folder / "config.toml").open("a", encoding="utf-8") as file:
        file.write("[profiles.warm]\ntemperature = 1.5\n")
    servers.home.has_person = False
    with pytest.raises(UsageError, match="another server"):
        servers.home.talk(["-P", "warm", "-c"], "next")
    assert told(servers.usual) == 0


def test_the_environment_s_profile_does_not_take_a_session_elsewhere(servers: Servers) -> None:
    servers.begin()
    servers.home.talk(["-S", "plain"], "nothing special")
    servers.home.environment = {**servers.home.environment, "CHATREPL_PROFILE": "other"}
    events = servers.home.talk(["-r", "conf"], "next")
    assert (told(servers.private), told(servers.other)) == (2, 0)
    [line] = lines_about(events, servers.other)
    assert host(servers.private) in line
    events = servers.home.talk(["-r", "plain"], "next")
    assert not servers.other.requests
    assert len(lines_about(events, servers.other)) == 1


def test_each_session_of_a_run_goes_to_its_own_server(servers: Servers) -> None:
    servers.begin()
    servers.home.talk(["-S", "plain"], "nothing special")
    lines = ("/load conf", "next", "/load plain", "next", "/load conf", "next", "/load plain")
    events = servers.home.talk([], *lines, "next", "/profile")
    assert not errors(events)
    assert told(servers.private) == 3
    assert len(servers.usual.requests) == 3
    assert servers.usual.requests[-1].body["model"] == "usual"


def test_a_profile_that_a_command_chose_is_kept_before_anything_is_sent(servers: Servers) -> None:
    servers.home.talk(["-S", "conf"], "nothing special", "/profile private")
    servers.home.talk(["-c"], SECRET)
    assert (told(servers.private), told(servers.usual)) == (1, 0)


def test_a_model_of_this_run_or_of_the_session_goes_with_its_profile(servers: Servers) -> None:
    servers.home.talk(["-P", "private", "-S", "conf"], "/model special", SECRET)
    servers.home.talk(["-c"], "next")
    servers.home.talk(["-c", "-m", "now"], "next")
    models = [request.body["model"] for request in servers.private.requests]
    assert models == ["special", "special", "now"]


def test_a_refused_session_leaves_the_open_one_as_it_is(servers: Servers) -> None:
    begin_by(servers, "--base-url")
    events = servers.home.talk(["-S", "plain"], "one", "/load conf", "two")
    assert len(errors(events)) == 1
    last = servers.usual.requests[-1]
    assert [message["content"] for message in last.messages] == ["one", "You said: one", "two"]


def test_a_session_of_an_earlier_version_opens_and_asks_nothing(servers: Servers) -> None:
    servers.begin()
    servers.home.has_person = False
    with sqlite3.connect(servers.home.folder / "sessions.db") as database:
        [[stored]] = database.execute("SELECT settings FROM sessions").fetchall()
        kept = json.loads(stored)
        assert kept.pop("server") == {"host": host(servers.private), "profile": "private"}
        database.execute("UPDATE sessions SET settings = ?", (json.dumps(kept),))
    database.close()
    assert not errors(servers.home.talk(["-c"], "next"))
    assert told(servers.usual) == 1


@pytest.mark.parametrize("suffix", ["md", "json", "html"])
def test_an_export_carries_no_server_and_needs_none(servers: Servers, suffix: str) -> None:
    servers.begin()
    path = servers.home.folder / f"out.{suffix}"
    servers.home.talk(["-c"], f"/export {path}")
    text = path.read_text("utf-8")
    assert SECRET in text
    assert not [word for word in (host(servers.private), KEY, "private") if word in text]


def test_an_imported_file_chooses_no_server(servers: Servers) -> None:
    path = servers.home.folder / "in.json"
    server = {"host": host(servers.usual), "profile": "private"}
    messages = [{"role": "user", "content": "hello"}]
    text = {"version": 1, "name": "in", "settings": {"server": server}, "messages": messages}
    path.write_text(json.dumps(text), "utf-8")
    servers.home.talk([], f"/import {path}")
    events = servers.home.talk(["-r", "in"], SECRET)
    assert not errors(events)
    assert (told(servers.private), told(servers.usual)) == (0, 1)


def test_the_line_comes_before_anything_is_sent(servers: Servers) -> None:
    servers.begin()

    async def opened() -> list[Event]:
        async with servers.home.opened(["-P", "other", "-c"]) as program:
            return [event async for event in program.open_session()]

    events = asyncio.run(opened())
    assert lines_about(events, servers.private)
    assert not servers.other.requests
