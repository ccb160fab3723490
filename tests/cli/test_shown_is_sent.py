"""``/request`` and ``/context`` against the request that the server gets."""

import json
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrepl.cli.program import Program
from chatrepl.core.commands.dispatch import handle_line
from chatrepl.core.events import Event, PlainText, TextDelta
from chatrepl.core.text.terminal_safe import safe_text
from chatrepl.services.models.tokenizer import TiktokenCounter
from tests.support.events import errors, notices
from tests.support.servers.sse_replies import Answer, RecordedRequest, Reply, text_of
from tests.support.servers.sse_server import SseServer
from tests.support.values.images import png
from tests.support.wired_session import Home

ROLE = """+++
[[examples]]
user = "héllo"
assistant = "“ok” \\\\ 好"
+++
"""
PARAMETERS = [
    "/temperature 0.3",
    "/top_p 0.25",
    "/max_tokens 60",
    "/presence_penalty -1.5",
    "/frequency_penalty 2",
    '/stop "\\n\\n" "é\\t" END',
    "/n 2",
    "/seed -7",
    "/logit_bias hello=5 #42=-100",
    "/logprobs 3",
    "/reasoning_effort low",
    "/verbosity high",
    "/response_format json_object",
    "/service_tier flex",
    '/user "ann ünï"',
    '/set extra.top_k {"b": [1, 2.50, null], "a": "\\u00e9"}',
    "/set extra.min_p 1e-7",
    "/stream off",
]
words = st.text(st.sampled_from('abé "\\\n/你🙂\u200d\u202e\u2028\x7f\x9f\ud800<|>'), max_size=25)
messages = words.map(lambda text: "say " + text + "end") | st.integers(1, 90).map(
    lambda count: "word " * count + "end"
)
numbers = st.integers(1, 9)
saying = st.tuples(st.just("say"), messages)
steps = st.one_of(
    saying,
    st.tuples(st.just("cut"), messages),
    st.tuples(st.just("attach"), messages),
    st.tuples(st.just("picture"), messages),
    st.tuples(st.sampled_from(["/pin", "/drop", "/undrop", "/unpin"]), numbers.map(str)),
    st.tuples(st.sampled_from(["/compact", "/compact --undo", "/undo", "/retry"]), st.just("")),
)


@dataclass(frozen=True)
class Case:
    """Settings, steps of a conversation, and the message whose request is compared."""

    model: str
    form: str
    system: str
    reminder: str
    has_examples: bool
    budget: int
    parameters: Sequence[str]
    steps: Sequence[tuple[str, str]]
    pending: Sequence[str]
    newest: str
    has_usage: bool


cases = st.builds(
    Case,
    st.sampled_from(["gpt-4o", "unknown-model"]),
    st.sampled_from(["system", "developer", "user"]),
    st.just("") | words.map(lambda text: "be " + text + "kind"),
    st.just("") | words.map(lambda text: "mind " + text + "this"),
    st.booleans(),
    st.sampled_from([400, 700, 100_000]),
    st.lists(st.sampled_from(PARAMETERS), unique=True, max_size=5),
    st.builds(
        lambda first, then: [*first, *then],
        st.lists(saying, min_size=2, max_size=4),
        st.lists(steps, max_size=8),
    ),
    st.lists(st.sampled_from(["notes.txt", "dot.png"]), max_size=2, unique=True),
    messages,
    st.booleans(),
)


@dataclass
class Talk:
    """A wired program at work."""

    program: Program
    events: list[Event] = field(default_factory=list)

    async def say(self, line: str) -> list[Event]:
        events = [event async for event in handle_line(self.program.session, line)]
        self.events += events
        return events

    async def shown(self, line: str) -> Any:
        """Return the JSON that a command shows, its keys in order."""
        return json.loads(await self.text(line))

    async def text(self, line: str) -> str:
        [text] = [event.text for event in await self.say(line) if isinstance(event, PlainText)]
        return text


def replies(request: RecordedRequest, *, has_usage: bool) -> Reply:
    text = text_of(request.messages[-1]["content"])
    answer = "in short" if text.startswith("Summarise") else f"said “{text[:80]}”"
    return Answer(answer, usage=has_usage)


def compact(shown: Any) -> bytes:
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()


async def go_through(talk: Talk, server: SseServer, case: Case, folder: Path) -> None:
    for line in (
        f"/set system_form {case.form}",
        f"/system {case.system}" if case.system else "/system --clear",
        f"/reminder {case.reminder}" if case.reminder else "/reminder --clear",
    ):
        await talk.say(line)
    for name, text in case.steps:
        match name:
            case "say":
                await talk.say(text)
            case "cut":
                server.answer("it begins", finish_reason="length", usage=case.has_usage)
                await talk.say(text)
                await talk.say("/continue")
            case "attach" | "picture":
                await talk.say(f"/file {folder / ('notes.txt' if name == 'attach' else 'dot.png')}")
                await talk.say(text)
            case _:
                await talk.say(f"{name} {text}".strip())
    for line in case.parameters:
        await talk.say(line)
    if case.pending:
        await talk.say("/file " + " ".join(str(folder / name) for name in case.pending))


async def say_and_look(talk: Talk, line: str, gate: threading.Event) -> Any:
    """Send a message; return what ``/context --json`` shows while its answer comes."""
    shown = None
    async for event in handle_line(talk.program.session, line):
        talk.events.append(event)
        if isinstance(event, TextDelta) and shown is None:
            shown = await talk.shown("/context --json")
            gate.set()
    return shown


def in_ids(context: Any) -> list[str]:
    return [row["id"] for row in context["messages"] if row["in"]]


def cookbook(sent: Any) -> int:
    count = TiktokenCounter().count
    return 3 + sum(
        3 + count(one["role"], "o200k_base") + count(text_of(one["content"]), "o200k_base")
        for one in sent
    )


def check_sent(
    case: Case, before: Any, shown: Any, during: Any, bare: Any, request: RecordedRequest
) -> None:
    # To the byte: the same keys in the same order, nothing escaped that is not, no blank.
    assert compact(shown) == request.raw_body
    sent = request.messages
    is_folded = case.form == "user" and bool(case.system) and "system" in in_ids(before)
    if len(bare["messages"]) == len(sent) - 1 and not is_folded:
        assert bare["messages"] == sent[:-1]
        assert compact({**bare, "messages": 0}) == compact({**shown, "messages": 0})
    if during is None:
        return
    rows = [row for row in during["messages"] if row["in"]]
    # An answer that is not streamed can be over, and counted, before the look at it.
    is_over = rows[-1]["role"] == "assistant" and sent[-1]["role"] == "user"
    rows = rows[: len(rows) - is_over]
    folded = 1 if is_folded and any(row["id"] != "system" for row in rows) else 0
    assert [row["role"] for row in rows[folded:]] == [message["role"] for message in sent]
    is_exact = case.model == "gpt-4o" and not case.has_usage and not is_over
    if is_exact:
        # A further message may push others out, and brings none back.
        assert set(in_ids(during)[:-1]) <= set(in_ids(before))
        has_image = any(isinstance(message["content"], list) for message in sent)
        assert during["estimate"] == has_image
        if not has_image:
            assert during["tokens"] == cookbook(sent)


async def run_case(case: Case, folder: Path, server: SseServer) -> None:
    home = Home(folder)
    home.role("with-examples", ROLE)
    (folder / "notes.txt").write_text("nötes\n```\n🙂 “quoted”\u2028\n", "utf-8")
    (folder / "dot.png").write_bytes(png(2, 2))
    arguments = ["--base-url", server.base_url, "-m", case.model, "--reserve", "50"]
    arguments += ["--budget", str(case.budget)]
    arguments += ["-R", "with-examples"] if case.has_examples else []
    async with home.opened(arguments) as program:
        talk = Talk(program)
        talk.events += [event async for event in program.open_session()]
        await go_through(talk, server, case, folder)
        before = await talk.shown("/context --json")
        bare = await talk.shown("/request")
        shown_events = await talk.say(f"/request {case.newest}")
        [shown] = [json.loads(e.text) for e in shown_events if isinstance(e, PlainText)]
        count = len(server.requests)
        gate = threading.Event()
        is_streamed = "stream" in shown
        held = gate if is_streamed else None
        # Not streamed, its usage comes with its text, and what it teaches before the look at it.
        server.answer("answered", gate=held, gate_after_chars=3, usage=case.has_usage)
        during = await say_and_look(talk, case.newest, gate)
        if len(server.requests) == count:
            # What would not be sent was said to be so.
            assert any("would not be sent" in text for text in notices(shown_events))
            return
        check_sent(case, before, shown, during, bare, server.requests[count])


@settings(deadline=None, max_examples=40)
@given(cases)
async def test_the_request_that_is_shown_is_the_one_that_is_sent_to_the_byte(case: Case) -> None:
    def reply(request: RecordedRequest) -> Reply:
        return replies(request, has_usage=case.has_usage)

    with tempfile.TemporaryDirectory() as folder, SseServer(default=reply) as server:
        await run_case(case, Path(folder), server)


@dataclass
class Shown:
    """Texts that commands showed, in order, and the requests that the server got."""

    texts: list[Any]
    requests: list[Any]
    told: list[str]


def talk(folder: Path, server: SseServer, options: str, *lines: str) -> Shown:
    arguments = ["--base-url", server.base_url, *options.split()]
    events = Home(folder).talk(arguments, *lines)
    texts = [json.loads(event.text) for event in events if isinstance(event, PlainText)]
    bodies = [one.body for one in server.requests if one.path.endswith("completions")]
    return Shown(texts, bodies, notices(events))


def test_a_bare_request_says_where_the_next_message_goes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a", "utf-8")
    with SseServer() as server:
        shown = talk(
            tmp_path,
            server,
            "-m gpt-4o",
            "hi",
            f"/file {tmp_path / 'a.txt'}",
            "/request",
            "/file --clear",
            "/new",
            "/system be brief",
            "/set system_form user",
            "/request",
        )
    assert shown.texts[0]["messages"][-1] == {"role": "assistant", "content": "You said: hi"}
    assert "your next message with 1 attachment goes at the end of messages" in shown.told
    assert shown.texts[1]["messages"] == [{"role": "user", "content": "be brief"}]
    assert shown.told[-1] == "your next message goes in the same message, below this text"


def test_after_a_refit_context_and_request_say_what_was_sent(tmp_path: Path) -> None:
    refusal = (
        "This model's maximum context length is 200 tokens. However, your messages resulted in "
        "203 tokens. Please reduce the length of the messages."
    )
    body = {"error": {"message": refusal, "code": "context_length_exceeded", "param": "messages"}}
    with SseServer() as server:
        server.answer("first", usage=False)
        server.answer("second", usage=False)
        server.error(400, body)
        server.answer("third", usage=False)
        lines = ["word " * 60, "other " * 60, "third " * 60]
        shown = talk(
            tmp_path, server, "-m gpt-4o --reserve 50", *lines, "/context --json", "/request"
        )
    assert any("fitting it to the server's own numbers" in text for text in shown.told)
    assert [len(body["messages"]) for body in shown.requests] == [1, 3, 5, 3]
    context, request = shown.texts
    assert context["window"] == 200
    # Our count was right; it was the window that was not known.
    assert context["estimate"] is False
    sent = shown.requests[-1]["messages"]
    assert request["messages"] == [*sent, {"role": "assistant", "content": "third"}]
    rows = context["messages"]
    assert [row["n"] for row in rows if row["in"]] == [3, 4, 5, 6]


def test_an_answer_too_long_for_the_budget_is_not_said_to_be_sent(tmp_path: Path) -> None:
    with SseServer(default=lambda request: replies(request, has_usage=True)) as server:
        server.answer("long " * 400)
        options = "-m gpt-4o --budget 500 --reserve 100"
        looks = ["/context --json", "/request and now"]
        shown = talk(tmp_path, server, options, "hi", *looks, "/compact", *looks, "and now")
    before, without, after, with_summary = shown.texts
    assert [row["in"] for row in before["messages"]] == [False, False]
    assert [message["content"] for message in without["messages"]] == ["and now"]
    assert "the oldest turn no longer fits and is not in it" in shown.told
    # What does not go is what /compact is for.
    assert [row["in"] for row in after["messages"]] == [False, False, True]
    assert with_summary == shown.requests[-1]
    assert "in short" in with_summary["messages"][0]["content"]


def test_the_answer_to_go_on_with_goes_with_what_asks_for_that(tmp_path: Path) -> None:
    with SseServer() as server:
        server.answer("one", usage=False)
        server.answer("begun " * 100, finish_reason="length", usage=False)
        options = "-m gpt-4o --budget 250 --reserve 100"
        shown = talk(tmp_path, server, options, "old " * 10, "go", "/continue", "/context")
    assert len(shown.requests) == 3
    assert [message["role"] for message in shown.requests[2]["messages"]] == [
        "user",
        "assistant",
        "user",
    ]
    assert shown.requests[2]["messages"][1]["content"] == "begun " * 100


def test_an_answer_that_cannot_go_with_what_asks_for_more_is_told_and_kept(tmp_path: Path) -> None:
    with SseServer() as server:
        server.answer("begun " * 130, finish_reason="length", usage=False)
        options = "-m gpt-4o --budget 250 --reserve 100"
        shown = talk(tmp_path, server, options, "go", "/continue", "/drop 2", "/continue")
    assert len(shown.requests) == 1
    assert any("more than the 150 there is room for" in text for text in shown.told)
    assert shown.told[-1] == "the last answer is dropped: it is not sent"


def test_each_model_of_a_comparison_is_shown_its_own_request(tmp_path: Path) -> None:
    with SseServer() as server:
        lines = ["/n 3", "/compare test-model other-model", "/request which?", "which?"]
        shown = talk(tmp_path, server, "-m test-model", *lines)
    assert [body["model"] for body in shown.texts] == ["test-model", "other-model"]
    assert sorted(shown.requests, key=str) == sorted(shown.texts, key=str)
    assert not any("n" in body for body in shown.texts)


def test_a_group_of_answers_is_shown_as_it_is_asked_for(tmp_path: Path) -> None:
    refusal = {"error": {"message": "n must be at most 2", "param": "n", "type": "invalid"}}
    with SseServer() as server:
        server.error(400, refusal)
        shown = talk(tmp_path, server, "-m gpt-4o", "/n 4", "hi", "/request more", "more")
    assert shown.texts[0] in shown.requests
    assert "n" not in shown.texts[0] or shown.texts[0]["n"] < 4
    assert "several are sent at once, for 4 answers" in shown.told


def test_half_a_character_is_replaced_in_what_is_shown_and_sent(tmp_path: Path) -> None:
    imported = [
        {"role": "user", "content": "a\ud800b"},
        {"role": "assistant", "content": "ok\udfff"},
    ]
    path = tmp_path / "t.json"
    path.write_text(json.dumps(imported), "ascii")
    lines = [f"/load {path}", "/reminder c\udcff", "/request next", "next"]
    with SseServer() as server:
        shown = talk(tmp_path, server, "-m gpt-4o", *lines)
    assert shown.texts == shown.requests
    said = [message["content"] for message in shown.requests[0]["messages"]]
    assert said == ["a\ufffdb\n\nc\ufffd", "ok\ufffd", "next\n\nc\ufffd"]
    assert "bytes that are not UTF-8 were replaced by “\ufffd”" in shown.told


@pytest.mark.parametrize("line", ['/set extra.a "\\ud800"', '/response_format {"type": "\\udfff"}'])
def test_a_value_with_half_a_character_is_refused(tmp_path: Path, line: str) -> None:
    with SseServer() as server:
        events = Home(tmp_path).talk(["--base-url", server.base_url, "-m", "m"], line, "hi")
    assert len(errors(events)) == 1
    assert "half a character" in errors(events)[0]
    assert len(server.requests) == 1


async def test_a_shown_request_escapes_characters_unsafe_for_a_terminal(
    tmp_path: Path,
) -> None:
    text = "\x7f \x9f \u202e \u2028 \U000e0041 好🙂"

    with SseServer() as server:
        options = ["--base-url", server.base_url, "-m", "gpt-4o"]
        async with Home(tmp_path).opened(options) as program:
            shown = await Talk(program).text(f"/request {text}")
    assert safe_text(shown) == shown
    assert json.loads(shown)["messages"] == [{"role": "user", "content": text}]
    assert "好🙂" in shown
