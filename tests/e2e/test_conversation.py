"""A whole conversation, from the first start to resuming it another day."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import MARK, Chat, Start

FIRST = "What is the capital of France?"
SECOND = "And what is the capital of Italy?"
SYSTEM = "You are a helpful assistant."


def sent(found: dict[str, Any]) -> list[str]:
    return [row["role"] for row in found["messages"] if row["in"]]


def converse(start: Callable[..., Chat], first_answer: str, second_answer: str) -> None:
    """System role, two turns, a setting, a small budget, a name; then the same history again."""
    chat = start().ready(90)
    chat.say(f"/system {SYSTEM}").expect("✓ system: You are")
    chat.say(FIRST).expect(first_answer, timeout_s=90)
    chat.say("/seed 7").expect("✓ seed: 7")
    chat.say(SECOND).expect(second_answer, timeout_s=90)
    found = chat.context(90)
    assert sent(found) == ["system", "user", "assistant", "user", "assistant"]
    newest = sum(row["tokens"] for row in found["messages"] if row["role"] == "system")
    newest += sum(row["tokens"] for row in found["messages"][-2:])
    chat.say("/reserve 30").expect("✓ reserve: 30")
    chat.say(f"/budget {newest + 30 + 5}").expect("✓ budget:")
    trimmed = chat.context()
    assert [row["in"] for row in trimmed["messages"]] == [True, False, False, True, True]
    assert trimmed["tokens"] <= newest + 5 < found["tokens"]
    chat.say("/context").expect("the oldest turn no longer fits")
    chat.say("/budget default").expect("✓ budget: not set: the model's context window")
    chat.say("/save capitals").expect("saved as “capitals”")
    chat.leave()

    again = start("-r", "capitals").expect("going on with “capitals”, 4 messages")
    shown = again.everything()
    places = [shown.index(text) for text in (FIRST, first_answer, SECOND, second_answer)]
    assert places == sorted(places)
    assert f"{MARK} {FIRST}" in shown
    again.ready()
    resumed = again.context(90)
    assert [(row["id"], row["role"]) for row in resumed["messages"]] == [
        (row["id"], row["role"]) for row in found["messages"]
    ]
    again.say("/set seed").expect("seed: 7  (session)")
    again.leave()


def test_a_conversation_with_a_server_is_held_trimmed_saved_and_gone_on_with(
    start: Start, server: SseServer
) -> None:
    server.answer("It is **Paris**, on the Seine.")
    server.answer("That would be *Rome*.")
    converse(start, "It is Paris, on the Seine.", "That would be Rome.")


@pytest.mark.local_model
@pytest.mark.timeout(600)
def test_a_conversation_with_the_built_in_model_is_held_trimmed_saved_and_gone_on_with(
    start_alone: Start, registry: dict[str, str]
) -> None:
    def begin(*arguments: str) -> Chat:
        chat = start_alone("--local", *arguments, env=registry)
        chat.expect("built-in demo model")
        return chat

    converse(begin, "Paris", "Rome")
