"""Sessions: choosing, deleting, importing, two terminals at once."""

import json
import re
from pathlib import Path

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import PROGRAM, Run, Start
from tests.support.values.llm_databases import LATER_TABLES, OLDER_TABLES, database, response


def listed(run: Run) -> set[str]:
    """Return the names, or first words, of the sessions outside the bin."""
    rows = json.loads(run("--list-sessions", "--json").stdout)
    return {row["name"] or row["title"] for row in rows}


def test_delete_asks_and_takes_a_no_and_the_bin_gives_back(start: Start, run: Run) -> None:
    chat = start("-S", "old").ready()
    chat.say("first words").expect("You said: first words").ready()
    chat.say("/new").expect("kept as “old”").ready()
    for refusal in ("n", "\x1b", "\r"):
        chat.say("/delete old").expect("Put “old” in the bin? [y/N]")
        chat.wait_until_quiet(1.5)
        assert "Esc stops" not in chat.text()
        chat.send(refusal)
        chat.ready()
    chat.expect_times("nothing was deleted", 3)
    assert listed(run) == {"old"}
    chat.say("/delete old").expect("Put “old” in the bin?")
    chat.send("y")
    chat.expect("is in the bin for 30 days").ready()
    assert listed(run) == set()
    chat.say("/sessions --deleted").expect("first words").ready()
    chat.say("/load old").expect("brought back from the bin", "You said: first words").ready()
    assert listed(run) == {"old"}
    chat.leave()


def test_pick_opens_a_menu_that_filters_as_one_types(start: Start) -> None:
    for name in ("apples", "pears", "plums"):
        one = start("-S", name).ready()
        one.say(f"about {name}").expect(f"You said: about {name}").ready().leave()
    chat = start("--pick").expect("choose a session", "apples", "pears", "plums")
    chat.send("ear")
    chat.wait_for(lambda c: "pears" in c.text() and "plums" not in c.text())
    chat.send("\t")
    chat.expect_draft("/load pears")
    chat.send("\r")
    chat.expect("You said: about pears", "going on with “pears”").ready()
    chat.leave()


def test_completion_knows_the_sessions_that_another_terminal_began_meanwhile(start: Start) -> None:
    chat = start().ready()
    chat.say("hello").expect("You said: hello").ready()
    other = start("-S", "meanwhile").ready()
    other.say("hi").expect("You said: hi").ready().leave()
    # The first letters of a command bring the list up to date, the last ones offer from it.
    chat.send("/lo")
    chat.wait_until_quiet(1.2)
    chat.send("ad m")
    chat.expect("meanwhile")
    chat.send("\x03")
    chat.ready().leave()


def test_a_second_terminal_on_a_session_is_told_and_goes_on_in_a_copy(
    start: Start, run: Run
) -> None:
    first = start("-S", "shared").ready()
    first.say("one").expect("You said: one").ready()
    second = start("-r", "shared").expect("open in another terminal: going on in a copy").ready()
    second.say("two").expect("You said: two").ready().leave()
    first.say("three").expect("You said: three").ready().leave()
    texts = [message["content"] for message in exported(run, "shared")]
    assert texts == ["one", "You said: one", "three", "You said: three"]
    copy = [message["content"] for message in exported(run, newest=True, not_name="shared")]
    assert copy == ["one", "You said: one", "two", "You said: two"]
    # The lock goes with its holder.
    again = start("-r", "shared").expect("going on with “shared”").ready()
    assert "in a copy" not in again.everything()
    again.leave()


def exported(
    run: Run, name: str = "", *, newest: bool = False, not_name: str = ""
) -> list[dict[str, str]]:
    if newest:
        rows = json.loads(run("--list-sessions", "--json").stdout)
        name = next(row["id"] for row in rows if row["name"] != not_name)
    messages: list[dict[str, str]] = json.loads(run("-r", name, "--export", "-").stdout)["messages"]
    return messages


def test_json_goes_out_and_comes_in_with_every_byte_of_the_text(
    start: Start, run: Run, server: SseServer, tmp_path: Path
) -> None:
    answer = "# 東京\n\n```\n`x`\n```\n\ttab \u202e\u2028\U0001f469\u200d\U0001f4bb\r\n end "
    server.answer(answer)
    chat = start("-S", "there").ready()
    chat.say("one").settle()
    server.answer("another")
    chat.say("/retry").settle()
    file = tmp_path / "there.json"
    chat.say(f"/export {file}").expect("wrote").ready()
    assert file.stat().st_mode & 0o777 == 0o600
    chat.say(f"/import {file}").expect("going on with").ready().leave()
    out, back = json.loads(file.read_text()), json.loads(run("-c", "--export", "-").stdout)
    assert [m["content"] for m in out["tree"]] == ["one", answer, "another"]
    for field in ("role", "content", "state", "created", "usage", "response_id"):
        assert [m[field] for m in out["tree"]] == [m[field] for m in back["tree"]]
    assert out["messages"] == back["messages"]


@pytest.mark.parametrize("mask", ["000", "077"])
def test_files_are_private_whatever_the_umask(
    start_alone: Start, server: SseServer, home: Path, tmp_path: Path, mask: str
) -> None:
    argv = ["/bin/sh", "-c", f'umask {mask}; exec "$@"', "sh", *PROGRAM]
    chat = start_alone("--base-url", server.base_url, argv=argv, columns=200).ready()
    chat.say("hello").expect("You said: hello").ready()
    for suffix in ("md", "json", "html"):
        chat.say(f"/export {tmp_path}/a.{suffix}").expect(f"a.{suffix}").ready()
    chat.settle()
    data = home / "chatrepl"
    found = [*data.rglob("*"), data, *tmp_path.glob("a.*")]
    assert {"sessions.db", "sessions.db-wal", "history", "a.md"} <= {path.name for path in found}
    for path in found:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    chat.leave()


def chatgpt_export(path: Path, count: int, words: int) -> Path:
    """Write so many conversations as ChatGPT's data export does."""

    def said(id_: str, parent: str, role: str, text: str) -> dict[str, object]:
        message = {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}}
        return {"id": id_, "parent": parent, "children": [], "message": message}

    conversations = [
        {
            "title": f"conversation {number}",
            "create_time": 1_700_000_000 + number,
            "current_node": "a",
            "mapping": {
                "root": {"id": "root", "parent": None, "children": ["q"], "message": None},
                "q": said("q", "root", "user", f"question {number}"),
                "a": said("a", "q", "assistant", "word " * words),
            },
        }
        for number in range(count)
    ]
    path.write_text(json.dumps(conversations))
    return path


def test_all_conversations_of_a_file_are_imported(start: Start, run: Run, tmp_path: Path) -> None:
    file = chatgpt_export(tmp_path / "conversations.json", 30, 10)
    chat = start().ready()
    chat.say(f"/import {file}").expect("30 conversations came in").ready()
    assert listed(run) == {f"conversation {number}" for number in range(30)}
    chat.say("/search question 17").expect("conversation 17").ready()
    chat.leave()


def test_escape_stops_a_long_import_and_keeps_what_came_before(
    start: Start, run: Run, tmp_path: Path
) -> None:
    file = chatgpt_export(tmp_path / "conversations.json", 20_000, 200)
    chat = start().ready()
    chat.say(f"/import {file}").expect("reading conversations.json")
    chat.wait_until(lambda: listed(run), "no conversation came in", 30)
    chat.send("\x1b")
    chat.expect("conversations came in", "stopped").ready()
    found = re.search(r"([\d,]+) conversations came in", chat.everything())
    assert found is not None
    count = int(found[1].replace(",", ""))
    assert 0 < count < 20_000
    assert len(listed(run)) == count
    chat.say("still here").expect("You said: still here").ready().leave()


def test_the_logs_of_llm_come_in_by_command(start: Start, run: Run, tmp_path: Path) -> None:
    rows: list[tuple[str, dict[str, object]]] = [
        ("conversations", {"id": "c", "name": "from llm", "model": "m"}),
        ("responses", response(1, "c", prompt="asked there", response="answered there")),
        ("responses", response(2, "c", prompt="asked again", response="answered again")),
    ]
    logs = database(tmp_path / "logs.db", OLDER_TABLES, LATER_TABLES, rows=rows)
    chat = start().ready()
    chat.say(f"/import {logs}").expect("asked there", "answered again").ready()
    chat.say("and here").expect("You said: and here").ready().leave()
    texts = [message["content"] for message in exported(run, newest=True)]
    assert texts == [
        "asked there",
        "answered there",
        "asked again",
        "answered again",
        "and here",
        "You said: and here",
    ]


def test_enter_after_a_search_opens_the_first_hit_where_it_is_and_a_number_any(
    start: Start, server: SseServer
) -> None:
    chat = start("-S", "far").ready()
    chat.say("東京の天気").expect("You said: 東京の天気").ready()
    for number in range(5):
        chat.say(f"turn {number}").expect(f"You said: turn {number}").ready()
    chat.say("/new").expect("kept as “far”").ready()
    chat.send("\r")
    chat.say("/search 京").expect("Enter opens the first there").ready()
    chat.send("\r")
    chat.expect("going on with “far”", "3 turns after, where you go on").ready()
    assert sum(request.method == "POST" for request in server.requests) == 6
    # It was the last line's: a further Enter does nothing.
    chat.send("\r")
    chat.say("/search turn 4").expect_times("Enter opens the first there", 2).ready()
    chat.say("/load 2").expect_times("going on with “far”", 2).ready().leave()
    assert "given up" not in chat.everything()


def test_a_private_session_never_goes_to_the_default_server(
    run: Run, start_alone: Start, home: Path, server: SseServer
) -> None:
    with SseServer() as private:
        profile = f'[profiles.private]\nbase_url = "{private.base_url}"\n'
        top = f'base_url = "{server.base_url}"\n'
        file = home / "chatrepl" / "config.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(top + profile, "utf-8")
        assert run("-P", "private", "-S", "conf", "my secret").returncode == 0
        done = run("-c", "next")
        assert (done.returncode, done.stdout) == (0, "You said: next\n")
        said = [m["content"] for m in private.requests[-1].messages]
        assert said == ["my secret", "You said: my secret", "next"]
        first = start_alone("-S", "conf").expect("going on with").ready()
        second = start_alone("-c").expect("open in another terminal", "private").ready()
        second.say("from a copy").expect("You said: from a copy").ready().leave()
        first.say("from the first").expect("You said: from the first").ready().leave()
        file.write_text(top, "utf-8")
        refused = run("-r", "conf", "next")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.count("\n") == 2
        assert "profile private is not in the configuration" in refused.stderr
        assert "--allow-server-change" in refused.stderr
        script = home / "script"
        script.write_text("/load conf\nnext\n", "utf-8")
        refused = run("--script", str(script))
        assert refused.returncode == 2
        assert "--allow-server-change" in refused.stderr
        chat = start_alone("-r", "conf").expect("last used", "Continue it with", "[y/N]")
        chat.send("n")
        chat.expect("not opened").ready()
        chat.say("hello").expect("You said: hello").ready().leave()
        assert json.loads(run("-r", "conf", "--export", "-").stdout)["name"] == "conf"
    assert not [request for request in server.requests if b"secret" in request.raw_body]
    allowed = run("--allow-server-change", "-r", "conf", "next")
    assert allowed.returncode == 0
    assert "last used" in allowed.stderr
    assert "my secret" in str(server.requests[-1].messages)
