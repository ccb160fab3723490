"""Import of ChatGPT's data export."""

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.messages import Message, State
from chatrepl.core.transcript import Transcript, from_json
from tests.support.transcript_strategies import JSON, NOW, TEXTS

ROOT: dict[str, Any] = {"message": None, "parent": None, "children": []}


def ids() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"new{next(numbers)}"


def node(parent: str | None, role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    content = more.pop("content", {"content_type": "text", "parts": list(parts)})
    metadata = more.pop("metadata", {})
    message = {"author": {"role": role, **more.pop("author", {})}, "content": content}
    return {
        "parent": parent,
        "children": more.pop("children", []),
        "message": {**message, "metadata": metadata, **more},
    }


def read(mapping: dict[str, Any], **more: Any) -> Transcript:
    text = json.dumps([{"title": "T", "create_time": 1700000000.5, "mapping": mapping, **more}])
    [transcript] = from_json(text, new_id=ids(), now=NOW)
    return transcript


def said(messages: Any) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


def test_the_whole_tree_comes_in_and_the_shown_branch_is_the_path() -> None:
    transcript = read(
        {
            "r": {**ROOT, "children": ["s"]},
            "s": node("r", "system", ""),
            "u1": node("s", "user", "first"),
            "a1": node("u1", "assistant", "one", metadata={"model_slug": "gpt-4o"}),
            "u2": node("s", "user", "edited"),
            "a2": node("u2", "assistant", "two"),
        },
        current_node="a1",
    )
    assert said(transcript.path) == [("user", "first"), ("assistant", "one")]
    assert sorted(said(transcript.messages)) == [
        ("assistant", "one"),
        ("assistant", "two"),
        ("user", "edited"),
        ("user", "first"),
    ]
    assert transcript.path[1].model == "gpt-4o"
    assert transcript.record.title == "T"
    assert transcript.record.created == datetime(2023, 11, 14, 22, 13, 20, 500000, UTC)


def test_siblings_keep_their_order() -> None:
    mapping = {
        "q": node(None, "user", "q", children=["b", "a", "c"]),
        **{key: node("q", "assistant", key) for key in "abc"},
    }
    assert [one.content for one in read(mapping).messages] == ["q", "b", "a", "c"]


def test_a_sole_system_message_at_the_root_is_the_system_text() -> None:
    transcript = read(
        {"s": node(None, "system", "be brief"), "u": node("s", "user", "hi")}, current_node="u"
    )
    assert transcript.system == "be brief"
    assert said(transcript.path) == [("user", "hi")]
    assert transcript.path[0].parent is None


def test_thinking_goes_to_the_answer_that_follows() -> None:
    thoughts = {"content_type": "thoughts", "thoughts": [{"content": "hm"}, {"content": "ah"}]}
    transcript = read(
        {
            "u": node(None, "user", "q"),
            "t": node("u", "assistant", content=thoughts),
            "c": node(
                "t", "assistant", content={"content_type": "reasoning_recap", "content": "x"}
            ),
            "a": node("c", "assistant", "answer"),
        },
        current_node="a",
    )
    assert [(one.content, one.reasoning) for one in transcript.path] == [
        ("q", ""),
        ("answer", "hm\n\nah"),
    ]


def test_code_tool_output_and_pictures_come_in() -> None:
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}
    transcript = read(
        {
            "u": node(
                None,
                "user",
                content={"content_type": "multimodal_text", "parts": [picture, "what is it?"]},
            ),
            "c": node(
                "u",
                "assistant",
                content={"content_type": "code", "language": "python", "text": "print('```')"},
            ),
            "t": node(
                "c",
                "tool",
                content={"content_type": "execution_output", "text": "4"},
                author={"name": "python"},
            ),
        },
        current_node="t",
    )
    question, code, output = transcript.path
    assert (question.content, question.attachments) == ("what is it?", (picture,))
    assert code.content == "````python\nprint('```')\n````"
    assert (output.role, output.name, output.content) == ("assistant", "python", "4")
    assert output.extra == {"author_role": "tool"}


def state_of(**more: Any) -> State:
    return read({"a": node(None, "assistant", "half", **more)}).messages[0].state


def test_the_state_of_an_imported_answer_is_kept() -> None:
    assert state_of() is State.COMPLETE
    assert state_of(status="in_progress") is State.CUT
    assert state_of(metadata={"finish_details": {"type": "interrupted"}}) is State.STOPPED


def test_the_newest_leaf_is_the_head_where_the_current_node_is_unknown() -> None:
    mapping = {
        "q": node(None, "user", "q", create_time=1),
        "a": node("q", "assistant", "newer", create_time=9),
        "b": node("q", "assistant", "older", create_time=5),
    }
    assert said(read(mapping).path)[-1] == ("assistant", "newer")
    assert said(read(mapping, current_node="gone").path)[-1] == ("assistant", "newer")
    assert said(read(mapping, current_node="b").path)[-1] == ("assistant", "older")


def test_a_ring_of_nodes_does_not_hang_and_keeps_its_texts() -> None:
    mapping = {"a": node("b", "user", "x"), "b": node("a", "assistant", "y")}
    assert sorted(said(read(mapping).messages)) == [("assistant", "y"), ("user", "x")]


def test_a_conversation_of_ten_thousand_messages_comes_in() -> None:
    mapping: dict[str, Any] = {"0": node(None, "user", "0")}
    for number in range(1, 10_000):
        mapping[str(number)] = node(str(number - 1), "user", str(number))
    transcript = read(mapping, current_node="9999")
    assert len(transcript.path) == 10_000


ODD_NODES = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {},
        optional={
            "parent": st.sampled_from(["a", "b", "c", "", None]) | JSON,
            "children": st.lists(st.sampled_from(["a", "b", "c"]) | JSON) | JSON,
            "message": st.fixed_dictionaries(
                {},
                optional={
                    "author": st.fixed_dictionaries({}, optional={"role": TEXTS, "name": JSON})
                    | JSON,
                    "content": st.fixed_dictionaries(
                        {}, optional={"content_type": TEXTS, "parts": st.lists(JSON), "text": JSON}
                    )
                    | JSON,
                    "create_time": JSON,
                    "metadata": JSON,
                },
            )
            | JSON,
        },
    ),
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d", ""]), ODD_NODES), JSON, JSON)
def test_odd_nodes_are_passed_over_and_the_tree_is_sound(
    mapping: dict[str, Any], current: Any, title: Any
) -> None:
    text = json.dumps([{"mapping": mapping, "current_node": current, "title": title}])
    [transcript] = from_json(text, new_id=ids(), now=NOW)
    known: dict[str | None, Message | None] = {None: None}
    for message in transcript.messages:
        assert message.parent in known
        known[message.id] = message
    assert transcript.record.head in known
    assert bool(transcript.path) == bool(transcript.messages)
