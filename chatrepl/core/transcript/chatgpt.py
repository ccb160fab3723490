"""Reads a conversation of a ChatGPT data export (``conversations.json``) as a tree.

Its ``mapping`` holds nodes by id, each with a parent, its children in order, and a message or none.
Nodes that say nothing (the root, hidden system messages, thinking) are passed over, and what hangs
below them moves up; thinking goes to the answer that follows it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chatrepl.core.messages import Json, Message, SessionRecord, State
from chatrepl.core.text.excerpts import title_of
from chatrepl.core.transcript.api import lift_system
from chatrepl.core.transcript.fields import Fields
from chatrepl.core.transcript.markdown_blocks import fenced
from chatrepl.core.transcript.transcript import NewId, Transcript

__all__ = ["read_chatgpt"]

_FINISH = {"stop": "stop", "max_tokens": "length"}
_THINKING = frozenset({"thoughts", "reasoning_recap"})
_TEXT_KEYS = ("text", "result", "content", "user_instructions")


def read_chatgpt(
    values: Mapping[str, Json], *, new_id: NewId, now: datetime, where: str = ""
) -> Transcript:
    """Read one conversation, all branches, with the node shown last as its head.

    Raises ``UsageError`` only where ``mapping`` is no object: odd nodes are passed over.
    """
    top = Fields(values, where)
    nodes = {key: node for key, node in top.object("mapping").items() if isinstance(node, dict)}
    created = _time(values.get("create_time"), now)
    messages: list[Message] = []
    kept: dict[str, str] = {}
    thoughts: dict[str, str] = {}
    for key, parent in _parents_first(nodes):
        above = kept.get(parent or "")
        thinking = thoughts.get(parent or "", "")
        said = _said(nodes[key].get("message"))
        if said is None or not (said.text or said.attachments):
            kept[key] = above or ""
            further = _thinking(nodes[key].get("message"))
            thoughts[key] = "\n\n".join(text for text in (thinking, further) if text)
            continue
        message = said.message(new_id(), above or None, created, thinking)
        if not message.reasoning and message.role != "user":
            thoughts[key] = thinking
        kept[key] = message.id
        messages.append(message)
    record = SessionRecord(
        id=new_id(),
        title=_text(values.get("title")) or title_of(messages),
        created=created,
        updated=now,
        head=_head(values.get("current_node"), kept, messages),
    )
    return lift_system(Transcript(record, tuple(messages)))


@dataclass(frozen=True, slots=True)
class _Said:
    """What a node says."""

    fields: Mapping[str, Json]
    author: Mapping[str, Json]
    metadata: Mapping[str, Json]
    text: str
    attachments: tuple[Mapping[str, Json], ...]

    def message(self, message_id: str, parent: str | None, now: datetime, thinking: str) -> Message:
        role = _text(self.author.get("role")) or "assistant"
        is_answer = role == "assistant"
        extra: dict[str, Json] = {}
        if role == "tool":
            # The API takes a tool's output only with the id of its call, and an export has none.
            extra["author_role"] = role
            role = "assistant"
        return Message(
            id=message_id,
            parent=parent,
            role=role,
            content=self.text,
            created=_time(self.fields.get("create_time"), now),
            name=_text(self.author.get("name")) or None,
            reasoning=thinking if is_answer else "",
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


def _said(message: Json) -> _Said | None:
    if not isinstance(message, dict):
        return None
    content = _object(message.get("content"))
    kind = _text(content.get("content_type"))
    if kind in _THINKING:
        return None
    text, attachments = _parts(content)
    if kind == "code" and text:
        text = fenced(text, _text(content.get("language")).replace("unknown", ""))
    author = _object(message.get("author"))
    return _Said(message, author, _object(message.get("metadata")), text, attachments)


def _parts(content: Mapping[str, Json]) -> tuple[str, tuple[Mapping[str, Json], ...]]:
    parts = content.get("parts")
    if not isinstance(parts, list):
        return next((text for key in _TEXT_KEYS if (text := _text(content.get(key)))), ""), ()
    texts: list[str] = []
    attachments: list[Mapping[str, Json]] = []
    for part in parts:
        if isinstance(part, dict):
            spoken = _text(part.get("text"))
            if spoken:
                texts.append(spoken)
            else:
                attachments.append(part)
        elif isinstance(part, str):
            texts.append(part)
    return "\n".join(text for text in texts if text), tuple(attachments)


def _thinking(message: Json) -> str:
    content = _object(_object(message).get("content"))
    thoughts = content.get("thoughts")
    if not isinstance(thoughts, list):
        return ""
    said = (_text(_object(thought).get("content")) for thought in thoughts)
    return "\n\n".join(text for text in said if text)


def _parents_first(nodes: Mapping[str, Mapping[str, Json]]) -> Iterator[tuple[str, str | None]]:
    """Yield each node with its parent; siblings in their order, and none twice, even in a ring."""
    children: dict[str | None, list[str]] = {}
    for key, node in nodes.items():
        parent = node.get("parent")
        place = parent if isinstance(parent, str) and parent in nodes and parent != key else None
        children.setdefault(place, []).append(key)
    for parent, known in children.items():
        if parent is not None:
            order = _order(nodes[parent])
            known.sort(key=lambda key: order.get(key, len(order)))
    seen: set[str] = set()
    # A ring hangs below no root: it is entered where it is first met.
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


def _head(current: Json, kept: Mapping[str, str], messages: Sequence[Message]) -> str | None:
    if isinstance(current, str) and kept.get(current):
        return kept[current]
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
