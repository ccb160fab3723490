"""Several answers to one message, through the whole program."""

import json
import signal
import threading

import pytest

from tests.support.servers.sse_replies import Reply
from tests.support.servers.sse_server import Answer, Raw, RecordedRequest, SseServer
from tests.support.terminal.program import MARK, Run, Start

TEXTS = ["The first answer.", "The second answer.", "The third answer.", "The fourth answer."]


def takes_one(request: RecordedRequest) -> Reply:
    """Answer as a server that gives one choice to a request."""
    if request.body.get("n", 1) == 1:
        return Answer(f"One of many: {len(request.raw_body)}.")
    body = {"error": {"message": "Only one completion choice is allowed", "code": 400}}
    return Raw([json.dumps(body).encode()], status=400, content_type="application/json")


@pytest.mark.local_model
@pytest.mark.timeout(300)
def test_the_built_in_model_gives_four_answers(
    start_alone: Start, registry: dict[str, str]
) -> None:
    words = ("--local", "--n", "4", "-t", "1", "--max-tokens", "12")
    chat = start_alone(*words, rows=60, env=registry)
    chat.ready(120).say("Name a colour.")
    chat.expect("answer 1 of 4", "answer 4 of 4", "answer 1 is the current one", timeout_s=120)
    assert "asking" not in chat.everything()
    chat.say("/alternatives").expect("/retry asks for a further one")
    chat.say("/pick 4").expect("going on from here").leave()


def test_a_server_that_gives_one_is_sent_four_requests(start: Start, server: SseServer) -> None:
    server.default = takes_one
    chat = start("-m", "one-choice", "--n", "4", rows=50).ready()
    chat.say("Name a colour.").expect("answer 4 of 4", "answer 1 is the current one")
    chat.expect("one-choice does not give 4 answers to one request: sending 4 at once")
    assert [request.body.get("n") for request in server.requests if request.body] == [
        4,
        *[None] * 4,
    ]
    chat.say("Another.").expect_times("answer 1 is the current one", 2)
    assert chat.everything().count("sending 4 at once") == 1
    chat.leave()


def test_the_first_answer_is_drawn_live_and_the_others_tell_how_far_they_are(
    start: Start, server: SseServer
) -> None:
    gate = threading.Event()
    server.answer(TEXTS, gate=gate, gate_after_chars=12, chunk_chars=4)
    chat = start("--n", "4").ready()
    chat.say("Hello")
    chat.expect("The first an", "2: 2 words · 3: 2 words · 4: 2 words")
    assert "The second" not in chat.everything()
    gate.set()
    chat.expect(*TEXTS, "answer 1 is the current one")
    shown = chat.everything()
    assert [shown.index(text) for text in TEXTS] == sorted(shown.index(text) for text in TEXTS)
    chat.leave()


def test_escape_stops_all_and_what_came_is_kept(start: Start, server: SseServer) -> None:
    gate = threading.Event()
    server.answer(TEXTS, gate=gate, gate_after_chars=12, chunk_chars=4)
    chat = start("--n", "2").ready()
    chat.say("Hello").expect("2: 2 words")
    chat.send("\x1b")
    chat.expect("The first an", "The seco", "answer 1 is the current one")
    chat.expect_times("stopped", 2)
    chat.say("/alt").expect_times("(stopped)", 2).leave()
    gate.set()


def test_every_answer_survives_a_kill(start: Start, server: SseServer) -> None:
    gate = threading.Event()
    server.answer(TEXTS, gate=gate, gate_after_chars=12, chunk_chars=4)
    chat = start("--n", "3", "-S", "killed").ready()
    chat.say("Hello").expect("2: 2 words", "3: 2 words")
    # The journal may take a quarter of a second.
    chat.wait_until_quiet(0.6)
    chat.process.send_signal(signal.SIGKILL)
    chat.process.wait()
    gate.set()
    again = start("-r", "killed").ready()
    again.say("/alt").expect_times("(cut)", 3)
    for text in ("The first an", "The seco", "The thir"):
        again.expect(text)
    again.leave()


def compared(request: RecordedRequest) -> Reply:
    if request.body["model"] == "breaks":
        return Answer("It breaks off " + "and on " * 40, cut_after_bytes=1500, ending="cut")
    return Answer("It arrives **whole**. " * 20, delay_s=0.002, model="whole")


@pytest.mark.parametrize("columns", [120, 60])
def test_a_compared_model_that_fails_leaves_the_other_s_answer_whole(
    start: Start, server: SseServer, columns: int
) -> None:
    server.default = compared
    chat = start("-m", "usual", rows=60, columns=columns).ready()
    chat.say("/compare breaks whole").expect("the next message goes to breaks and whole")
    chat.say("Hello").expect("answer 2 is the current one")
    shown = chat.everything()
    assert ("│ 2 · whole" in shown) == (columns == 120)
    chat.expect("cut off", "the connection broke in the middle of the answer", "tokens/s")
    assert shown.count("arrives") == 20
    chat.say("/history 1").expect_times(f"{MARK} Hello", 2).expect_times("arrives", 40)
    chat.say("/pick 1").expect("It breaks off")
    chat.leave()
    assert {r.body["model"] for r in server.requests if r.body} == {"breaks", "whole"}


def test_compared_answers_stand_in_columns_while_they_come(start: Start, server: SseServer) -> None:
    gate = threading.Event()
    server.default = lambda request: Answer(
        f"From {request.body['model']} comes this text.", gate=gate, gate_after_chars=20
    )
    chat = start("-m", "usual", columns=100).ready()
    chat.say("/compare a b").expect("goes to a and b").say("Hello")
    chat.expect("1: 5 words", "2: 5 words")
    chat.wait_for(
        lambda _: any("From a" in row and "From b" in row for row in chat.text().split("\n"))
    )
    chat.send("\x1b")
    chat.expect("answer 1 is the current one").expect_times("stopped", 2)
    gate.set()
    chat.leave()


def test_a_pipe_gets_numbered_answers_and_json_all_of_them(run: Run, server: SseServer) -> None:
    server.default = lambda _: Answer(TEXTS)
    asked = ("--base-url", server.base_url, "--n", "2", "Hello")
    done = run(*asked)
    assert done.stdout == (
        "## Answer 1 of 2\n\nThe first answer.\n\n## Answer 2 of 2\n\nThe second answer.\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(run(*asked, "--json").stdout)
    assert result["content"] == TEXTS[0]
    assert [answer["content"] for answer in result["answers"]] == TEXTS[:2]
    assert sum(answer["usage"] is not None for answer in result["answers"]) == 1


def test_one_answer_that_fails_is_told_and_the_others_are_printed(
    run: Run, server: SseServer
) -> None:
    server.default = takes_one
    gone = b'{"error": {"message": "no such model"}}'
    server.raw([b'{"error": {"message": "only n=1 is supported"}}'], status=400)
    server.raw([gone], status=404, content_type="application/json")
    done = run("--base-url", server.base_url, "--n", "3", "Hello")
    assert done.returncode == 1
    assert done.stdout.count("One of many") == 2
    assert done.stderr.count("(404)") == 1


def test_a_terminal_of_lines_gets_one_answer_after_the_other(
    start: Start, server: SseServer
) -> None:
    server.answer(TEXTS)
    chat = start("--n", "2", env={"TERM": "dumb"}, rows=40)
    chat.expect("leaves").say("Hello").expect("answer 1 of 2", TEXTS[0], "answer 2 of 2", TEXTS[1])
    chat.expect("/pick N").say("/exit")
    assert chat.wait_exit() == 0
