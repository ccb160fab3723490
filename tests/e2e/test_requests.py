"""Requests as the server gets them, and ``--dry-run``."""

import json
from pathlib import Path
from typing import Any

from tests.support.servers.sse_replies import Answer
from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import Chat, Run, Start

ODD = "你好 \u202e 👩\u200d👧"
ALWAYS = {"model", "messages", "stream", "stream_options"}


def set_fields(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in ALWAYS}


def configure(home: Path, text: str) -> None:
    folder = home / "chatrepl"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "config.toml").write_text(text)


def ask(chat: Chat, server: SseServer, text: str) -> dict[str, Any]:
    chat.say(text).expect(f"You said: {text}").ready()
    body: dict[str, Any] = server.requests[-1].body
    return body


def test_the_server_gets_exactly_the_parameters_that_were_set_wherever_they_were_set(
    start: Start, server: SseServer, home: Path
) -> None:
    chat = start().ready()
    body = ask(chat, server, "nothing set")
    assert body.keys() == ALWAYS
    assert body["model"] == "test-model"
    commands = {
        "/temperature 0.25": ("temperature", 0.25),
        "/top_p 0.5": ("top_p", 0.5),
        "/max_tokens 321": ("max_tokens", 321),
        "/presence_penalty -1.5": ("presence_penalty", -1.5),
        "/frequency_penalty 1": ("frequency_penalty", 1),
        r'/stop "\n\n" END': ("stop", ["\n\n", "END"]),
        "/seed 11": ("seed", 11),
        "/reasoning_effort low": ("reasoning_effort", "low"),
        "/user somebody": ("user", "somebody"),
        "/set extra.top_k 40": ("top_k", 40),
    }
    for command in commands:
        chat.say(command).ready()
    assert set_fields(ask(chat, server, "all set")) == dict(commands.values())
    for name in ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty"):
        chat.say(f"/{name} default").ready()
    for name in ("stop", "seed", "reasoning_effort", "user", "extra.top_k"):
        chat.say(f"/set {name} default").ready()
    assert set_fields(ask(chat, server, "all reset")) == {}
    chat.leave()

    configure(home, 'temperature = 0.1\ntop_p = 0.2\nstop = ["X"]\n[extra]\nmin_p = 0.05\n')
    chat = start("--top-p", "0.9", "--seed", "3", "-o", "top_k", "7").ready()
    chat.say("/seed 4").expect("✓ seed: 4")
    assert set_fields(ask(chat, server, "layers")) == {
        "temperature": 0.1,
        "top_p": 0.9,
        "stop": ["X"],
        "seed": 4,
        "top_k": 7,
        "min_p": 0.05,
    }
    chat.leave()


def test_the_messages_that_are_sent_are_those_that_context_shows_as_in(
    start: Start, server: SseServer
) -> None:
    # Its own counts would change the plan between a request and the look at it.
    server.default = lambda _: Answer("Fine.", usage=False)
    chat = start("-s", "Be brief.", "--budget", "155", "--reserve", "40").ready()
    said: list[str] = []
    numbers: list[int] = []
    for number in range(6):
        question = f"question {number} " + "word " * 14 + "end"
        chat.say(question)
        server.wait_for_requests(2 + number)
        said += [question, "Fine."]
        shown = chat.expect_times("Fine.", number + 1).context()
        numbers = [row["n"] for row in shown["messages"] if row["in"] and row["n"]]
        sent = [message["content"] for message in server.requests[-1].messages]
        assert [*sent, "Fine."] == ["Be brief.", *(said[n - 1] for n in numbers)]
        assert shown["tokens"] <= 155 - 40
        assert numbers[-1] == len(said)
    assert 2 < len(numbers) < len(said)
    chat.expect("no longer fit").leave()


def test_a_dry_run_prints_the_request_and_sends_nothing(run: Run, server: SseServer) -> None:
    done = run(
        "--base-url", server.base_url, "-m", "test-model", "-t", "0.5", "--dry-run", ODD,
        env={"OPENAI_API_KEY": "sk-canary-0123456789"},
    )  # fmt: skip
    assert done.returncode == 0
    assert json.loads(done.stdout)["temperature"] == 0.5
    assert json.loads(done.stdout)["messages"] == [{"role": "user", "content": ODD}]
    assert "你好 \\u202e 👩\u200d👧" in done.stdout
    assert "canary" not in done.stdout + done.stderr
    assert not [request for request in server.requests if request.method == "POST"]
