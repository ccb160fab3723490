"""Import of a conversation of a ChatGPT data export (``conversations.json``) as a tree.

Its ``mapping`` holds nodes by id, each with a parent, its children in order, and a message or none.
Nodes without a text (the root, hidden system messages, reasoning) are left out, and their children
move up; reasoning goes to the answer that follows it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, SessionRecord, State
from chatrepl.core.text.excerpts import title_of
from chatrepl.core.transcript.api import lift_system
from chatrepl.core.transcript.fields import Fields
from chatrepl.core.transcript.markdown_blocks import fenced
from chatrepl.core.transcript.transcript import NewId, Transcript

_FINISH = {"stop": "stop", "max_tokens": "length"}
_REASONING = frozenset({"thoughts", "reasoning_recap"})
_TEXT_KEYS = ("text", "result", "content", "user_instructions")


def read_chatgpt(
    values: Mapping[str, Json], *, new_id: NewId, now: datetime, where: str = ""
) -> Transcript:
    """Read one conversation with all branches; its head is the node that was shown last.

    Malformed nodes are left out. Raises ``UsageError`` only if ``mapping`` is no object.
    """
    top = Fields(values, where)
    nodes = {key: node for key, node in top.object("mapping").items() if isinstance(node, dict)}
    created = _time(values.get("create_time"), now)
    messages: list[Message] = []
    # By node: the message that it became, else the nearest above it; and reasoning still to place.
    message_ids: dict[str, str] = {}
    pending_reasoning: dict[str, str] = {}
    for key, parent in _parents_first(nodes):
        above = message_ids.get(parent or "", "")
        reasoning = pending_reasoning.get(parent or "", "")
        content = _node_content(nodes[key].get("message"))
        if content is None or not (content.text or content.attachments):
            message_ids[key] = above
            further = _reasoning(nodes[key].get("message"))
            pending_reasoning[key] = "\n\n".join(text for text in (reasoning, further) if text)
            continue
        message = content.message(new_id(), above or None, created, reasoning)
        if not message.reasoning and message.role != "user":
            pending_reasoning[key] = reasoning
        message_ids[key] = message.id
        messages.append(message)
    record = SessionRecord(
        id=new_id(),
        title=_text(values.get("title")) or title_of(messages),
        created=created,
        updated=now,
        head=_head(values.get("current_node"), message_ids, messages),
    )
    return lift_system(Transcript(record, tuple(messages)))


@dataclass(frozen=True, slots=True)
class _NodeContent:
    """Content of a node that has a message."""

    fields: Mapping[str, Json]
    author: Mapping[str, Json]
    metadata: Mapping[str, Json]
    text: str
    attachments: tuple[Mapping[str, Json], ...]

    def message(
        self, message_id: str, parent: str | None, created: datetime, reasoning: str
    ) -> Message:
        role = _text(self.author.get("role")) or "assistant"
        is_answer = role == "assistant"
        extra: dict[str, Json] = {}
        if role == "tool":
            # The API accepts a tool's output only with the id of its call, which is not exported.
            extra["author_role"] = role
            role = "assistant"
        return Message(
            id=message_id,
            parent=parent,
            role=role,
            content=self.text,
            created=_time(self.fields.get("create_time"), created),
            name=_text(self.author.get("name")) or None,
            reasoning=reasoning if is_answer else "",
            attachments=self.attachments,
            state=self._state(),
            model=_text(self.metadata.get("model_slug")) or None if is_answer else None,
            finish_reason=_FINISH.get(self._finish()) if is_answer else None,
            extra=extra,
        )

    def _finish(self) -> str:
        return _text(_object(self.metadata.get("finish_details")).get("type"))

    def _state(self) -> State:
        if self._finish() == "interrupted":
            return State.STOPPED
        return State.CUT if self.fields.get("status") == "in_progress" else State.COMPLETE


def _node_content(message: Json) -> _NodeContent | None:
    if not isinstance(message, dict):
        return None
    content = _object(message.get("content"))
    kind = _text(content.get("content_type"))
    if kind in _REASONING:
        return None
    text, attachments = _parts(content)
    if kind == "code" and text:
        text = fenced(text, _text(content.get("language")).replace("unknown", ""))
    author = _object(message.get("author"))
    return _NodeContent(message, author, _object(message.get("metadata")), text, attachments)


def _parts(content: Mapping[str, Json]) -> tuple[str, tuple[Mapping[str, Json], ...]]:
    parts = content.get("parts")
    if not isinstance(parts, list):
        return next((text for key in _TEXT_KEYS if (text := _text(content.get(key)))), ""), ()
    texts: list[str] = []
    attachments: list[Mapping[str, Json]] = []
    for part in parts:
        if isinstance(part, dict):
            text = _text(part.get("text"))
            if text:
                texts.append(text)
            else:
                attachments.append(part)
        elif isinstance(part, str):
            texts.append(part)
    return "\n".join(text for text in texts if text), tuple(attachments)


def _reasoning(message: Json) -> str:
    content = _object(_object(message).get("content"))
    thoughts = content.get("thoughts")
    if not isinstance(thoughts, list):
        return ""
    texts = (_text(_object(thought).get("content")) for thought in thoughts)
    return "\n\n".join(text for text in texts if text)


def _parents_first(nodes: Mapping[str, Mapping[str, Json]]) -> Iterator[tuple[str, str | None]]:
    """Yield each node once, with its parent; siblings in their order. Cycles are entered once."""
    children: dict[str | None, list[str]] = {}
    for key, node in nodes.items():
        parent = node.get("parent")
        above = parent if isinstance(parent, str) and parent in nodes and parent != key else None
        children.setdefault(above, []).append(key)
    for parent, siblings in children.items():
        if parent is not None:
            order = _order(nodes[parent])
            siblings.sort(key=lambda key: order.get(key, len(order)))
    seen: set[str] = set()
    # No root leads into a cycle: it is entered at its first node.
    for start in [*children.get(None, ()), *nodes]:
        todo: list[tuple[str, str | None]] = [(start, None)]
        while todo:
            key, above = todo.pop()
            if key in seen:
                continue
            seen.add(key)
            yield key, above
            todo.extend((child, key) for child in reversed(children.get(key, ())))


def _order(node: Mapping[str, Json]) -> dict[str, int]:
    children = node.get("children")
    names = children if isinstance(children, list) else []
    return {name: place for place, name in enumerate(names) if isinstance(name, str)}


def _head(current: Json, message_ids: Mapping[str, str], messages: Sequence[Message]) -> str | None:
    if isinstance(current, str) and message_ids.get(current):
        return message_ids[current]
    newest = max(messages, key=lambda message: message.created, default=None)
    if newest is None:
        return None
    parents = {message.parent for message in messages}
    leaves = [message for message in messages if message.id not in parents]
    return max(leaves, key=lambda message: message.created).id


def _time(value: Json, default: datetime) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return default


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}
