import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chatrepl.core.errors import UsageError
from chatrepl.core.messages import Usage
from chatrepl.core.transcript import Transcript, to_json
from chatrepl.services.llm_import.logs import LlmLogs, read_llm_logs
from tests.support.values.llm_databases import (
    LATER_TABLES,
    MESSAGE_STORE,
    OLDER_TABLES,
    database,
    response,
    time,
)

NOW = datetime(2026, 2, 3, tzinfo=UTC)


def ids() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"new{next(numbers)}"


def read(path: Path) -> list[Transcript]:
    return [transcript for transcript, _, _ in read_llm_logs(path, new_id=ids(), now=NOW)]


def said(transcript: Transcript) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in transcript.path]


def test_conversations_of_the_first_tables_come_in(tmp_path: Path) -> None:
    path = database(
        tmp_path / "logs.db",
        OLDER_TABLES,
        rows=[
            ("conversations", {"id": "c", "name": "A talk", "model": "m"}),
            ("responses", response(2, system="be brief")),
            ("responses", response(1, system="be brief", options_json='{"temperature": 0.5}')),
            ("responses", response(3, system="be long")),
            ("responses", response(4, None)),
            ("responses", response(5, None)),
        ],
    )
    talk, *lone = read(path)
    assert talk.record.title == "A talk"
    assert talk.system == "be brief"
    assert said(talk) == [
        *(("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")),
        *(("system", "be long"), ("user", "q3"), ("assistant", "a3")),
    ]
    assert talk.path[1].parameters == {"temperature": 0.5}
    assert talk.record.created == datetime(2025, 5, 6, 7, 8, 1, 1, UTC)
    assert [said(one) for one in lone] == [
        [("user", "q4"), ("assistant", "a4")],
        [("user", "q5"), ("assistant", "a5")],
    ]


def test_usage_fragments_attachments_and_tools_come_in(tmp_path: Path) -> None:
    details = '{"prompt_tokens_details": {"cached_tokens": 2}, "audio": 1}'
    path = database(
        tmp_path / "logs.db",
        OLDER_TABLES,
        LATER_TABLES,
        rows=[
            (
                "responses",
                response(
                    *(1, "c"),
                    input_tokens=5,
                    output_tokens=7,
                    token_details=details,
                    resolved_model="m-2025",
                    reasoning="hm",
                    response="",
                ),
            ),
            ("responses", response(2, prompt="")),
            ("fragments", {"id": 1, "content": "a file"}),
            ("prompt_fragments", {"response_id": "r1", "fragment_id": 1, "order": 0}),
            ("system_fragments", {"response_id": "r1", "fragment_id": 1, "order": 0}),
            ("attachments", {"id": "x", "type": "image/png", "content": b"PNG"}),
            ("attachments", {"id": "y", "type": "image/png", "url": "https://e.test/y.png"}),
            ("attachments", {"id": "z", "type": "application/pdf", "path": "/tmp/z.pdf"}),
            *(
                ("prompt_attachments", {"response_id": "r1", "attachment_id": key, "order": order})
                for order, key in enumerate("xyz")
            ),
            (
                "tool_calls",
                {"response_id": "r1", "name": "add", "arguments": '{"a": 1}', "tool_call_id": "t"},
            ),
            (
                "tool_results",
                {"response_id": "r2", "name": "add", "output": "3", "tool_call_id": "t"},
            ),
        ],
    )
    [talk] = read(path)
    assert talk.system == "a file"
    question, call, result, answer = talk.path
    assert question.content == "a file\nq1"
    assert question.attachments == (
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}},
        {"type": "image_url", "image_url": {"url": "https://e.test/y.png"}},
        {"type": "file", "file": {"filename": "/tmp/z.pdf"}},
    )
    assert (call.model, call.reasoning, call.usage) == ("m-2025", "hm", Usage(5, 7, 2, None))
    assert call.extra["tool_calls"] == [
        {"id": "t", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    ]
    assert (result.role, result.content, result.extra) == ("tool", "3", {"tool_call_id": "t"})
    assert answer.content == "a2"
    to_json(talk).encode()


def message(
    key: str, parent: str | None, role: str, text: str
) -> list[tuple[str, dict[str, object]]]:
    return [
        ("messages", {"hash": key, "parent_hash": parent, "role": role}),
        ("parts", {"message_hash": key, "position": 0, "type": "text", "text": text}),
    ]


def turn(number: int, thread: str, tip: str, **more: object) -> tuple[str, dict[str, object]]:
    return (
        "turns",
        {
            "id": f"r{number}",
            "thread_id": thread,
            "tip_message_hash": tip,
            "model": "m",
            "datetime_utc": time(number),
            **more,
        },
    )


def thread(key: str, tip: str | None, second: int) -> tuple[str, dict[str, object]]:
    row: dict[str, object] = {"id": key, "name": key, "tip_message_hash": tip}
    return ("threads", {**row, "datetime_utc": time(second).replace("T", " ")})


def test_threads_of_the_message_store_come_in_with_what_they_share(tmp_path: Path) -> None:
    path = database(
        tmp_path / "logs.db",
        OLDER_TABLES,
        LATER_TABLES,
        MESSAGE_STORE,
        rows=[
            *message("s", None, "system", "be brief"),
            *message("u1", "s", "user", "q1"),
            *message("a1", "u1", "assistant", "a1"),
            *message("u2", "a1", "user", "q2"),
            *message("a2", "u2", "assistant", "a2"),
            *message("a3", "u1", "assistant", "another"),
            thread("first", "a2", 1),
            thread("second", "a1", 2),
            thread("empty", None, 3),
            turn(1, "first", "a1", input_tokens=3, output_tokens=4),
            turn(2, "first", "a2", options_json='{"seed": 1}'),
            turn(3, "first", "a3"),
            turn(4, "second", "a1"),
        ],
    )
    first, second, empty = read(path)
    assert first.system == "be brief"
    assert said(first) == [
        *(("user", "q1"), ("assistant", "a1")),
        *(("user", "q2"), ("assistant", "a2")),
    ]
    assert sorted(one.content for one in first.messages) == ["a1", "a2", "another", "q1", "q2"]
    assert first.path[1].usage == Usage(3, 4)
    assert first.path[3].parameters == {"seed": 1}
    assert [one.created.second for one in first.path] == [1, 1, 2, 2]
    assert said(second) == [("user", "q1"), ("assistant", "a1")]
    assert not empty.messages
    assert not {one.id for one in first.messages} & {one.id for one in second.messages}


def test_parts_of_the_message_store_come_in(tmp_path: Path) -> None:
    def part(
        key: str, position: int, kind: str, text: str | None, payload: str | None
    ) -> tuple[str, dict[str, object]]:
        row: dict[str, object] = {"message_hash": key, "position": position, "type": kind}
        return ("parts", {**row, "text": text, "payload": payload})

    path = database(
        tmp_path / "logs.db",
        LATER_TABLES.split("CREATE TABLE attachments")[0].replace("ALTER", "-- ALTER"),
        "CREATE TABLE attachments" + LATER_TABLES.split("CREATE TABLE attachments")[1],
        MESSAGE_STORE,
        rows=[
            ("fragments", {"id": 1, "content": "a file"}),
            ("attachments", {"id": "x", "type": "image/png", "content": b"PNG"}),
            ("messages", {"hash": "u", "role": "user"}),
            part("u", 0, "text", None, '{"text_ref": [{"fragment": 1}, {"literal": "\\nq"}]}'),
            part("u", 1, "attachment", None, '{"attachment": {"id": "x"}}'),
            ("messages", {"hash": "a", "parent_hash": "u", "role": "assistant"}),
            part("a", 0, "reasoning", "hm", None),
            part(
                "a",
                1,
                "tool_call",
                None,
                '{"name": "f", "arguments": {"a": 1}, "tool_call_id": "t"}',
            ),
            ("messages", {"hash": "t", "parent_hash": "a", "role": "user"}),
            part("t", 0, "tool_result", None, '{"name": "f", "output": "3", "tool_call_id": "t"}'),
            ("messages", {"hash": "b", "parent_hash": "t", "role": "assistant"}),
            part("b", 0, "text", "done", None),
            thread("c", "b", 1),
            turn(1, "c", "a"),
            turn(2, "c", "b"),
        ],
    )
    [talk] = read(path)
    question, call, result, answer = talk.path
    assert question.content == "a file\nq"
    assert question.attachments == (
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}},
    )
    assert (call.content, call.reasoning) == ("", "hm")
    assert call.extra["tool_calls"] == [
        {"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    ]
    assert (result.role, result.name, result.content) == ("tool", "f", "3")
    assert answer.content == "done"


@pytest.mark.parametrize(("older_answer", "count"), [("a1", 1), ("only here", 2)])
def test_what_both_generations_hold_comes_once(
    tmp_path: Path, older_answer: str, count: int
) -> None:
    path = database(
        tmp_path / "logs.db",
        OLDER_TABLES,
        MESSAGE_STORE,
        rows=[
            ("responses", response(1, response=older_answer)),
            *message("u1", None, "user", "q1"),
            *message("a1", "u1", "assistant", "a1"),
            thread("c", "a1", 1),
            turn(2, "c", "a1"),
        ],
    )
    assert len(read(path)) == count


def test_progress_counts_conversations(tmp_path: Path) -> None:
    rows = [("responses", response(number, None)) for number in range(1, 4)]
    path = database(tmp_path / "logs.db", OLDER_TABLES, rows=rows)
    steps = read_llm_logs(path, new_id=ids(), now=NOW)
    assert [(read, total) for _, read, total in steps] == [(1, 3), (2, 3), (3, 3)]


def test_bytes_that_are_no_utf8_survive(tmp_path: Path) -> None:
    path = database(tmp_path / "logs.db", OLDER_TABLES, rows=[("responses", response(1))])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE responses SET response = CAST(x'61FF' AS TEXT)")
    assert said(read(path)[0])[1] == ("assistant", "a\udcff")


def test_a_log_that_nobody_may_write_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = database(folder / "logs.db", "PRAGMA journal_mode = WAL;", OLDER_TABLES)
    database(path, rows=[("responses", response(1))])
    path.chmod(0o400)
    folder.chmod(0o500)
    try:
        assert len(read(path)) == 1
    finally:
        folder.chmod(0o700)


def test_reading_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    path = database(tmp_path / "logs.db", OLDER_TABLES, rows=[("responses", response(1))])
    before = path.read_bytes()
    read(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["logs.db"]


@pytest.mark.parametrize("kind", ["other database", "text", "damaged", "missing"])
def test_what_is_no_log_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "logs.db"
    match kind:
        case "other database":
            database(path, "CREATE TABLE other (x);")
        case "text":
            path.write_text("hello " * 100)
        case "damaged":
            database(path, OLDER_TABLES, rows=[("responses", response(1))])
            data = bytearray(path.read_bytes())
            data[100:4096] = b"\xff" * 3996
            path.write_bytes(data)
        case _:
            assert not path.exists()
    with pytest.raises(UsageError, match="llm"):
        read(path)


def test_a_database_is_told_from_a_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("[]")
    assert not LlmLogs().is_database(str(tmp_path / "a"))
    assert LlmLogs().is_database(str(database(tmp_path / "b", OLDER_TABLES)))
