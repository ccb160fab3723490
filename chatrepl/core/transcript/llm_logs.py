"""Import of the logs of ``llm``: rows of its older tables, and of its message store.

Source: https://llm.datasette.io/en/stable/logging.html. In the older tables a row is a prompt with
its response. In the message store a message names its parent by hash, threads share messages, and
a turn names the model that wrote the messages up to its tip.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message, SessionRecord, Usage
from chatrepl.core.text.excerpts import title_of
from chatrepl.core.transcript.api import lift_system
from chatrepl.core.transcript.transcript import NewId, Transcript, in_utc, without_secrets

Row = Mapping[str, Json]
"""Row of a table: values by column."""


def from_llm_rows(
    conversation: Row, responses: Sequence[Row], *, new_id: NewId, now: datetime
) -> Transcript:
    """Convert the rows of ``responses`` of one conversation, oldest first, to one path.

    A row may also hold ``attachments`` (content parts of the API), ``tool_calls`` and
    ``tool_results`` (rows of those tables). The system text of the first row becomes the session's;
    another one of a later row becomes a message before its prompt.
    """
    path = _Path(new_id)
    system = ""
    settings: dict[str, Json] = {}
    for row in responses:
        created = _time(row, now)
        text = _text(row, "system")
        if text and text != system:
            if not path.messages and not settings:
                settings["system"] = text
            else:
                path.add("system", text, created)
            system = text
        for result in _rows(row, "tool_results"):
            path.add_result(result, created)
        attachments = _rows(row, "attachments")
        prompt = _text(row, "prompt")
        if prompt or attachments:
            path.add("user", prompt, created, attachments=attachments)
        calls = [_tool_call(call) for call in _rows(row, "tool_calls")]
        answer = path.add("assistant", _text(row, "response"), created, calls=calls)
        path.messages[-1] = _with_figures(
            replace(answer, reasoning=_text(row, "reasoning"), response_id=_name(row, "id")), row
        )
    return _transcript(conversation, path.messages, settings, new_id(), now)


def from_llm_thread(
    thread: Row, messages: Sequence[Row], turns: Sequence[Row], *, new_id: NewId, now: datetime
) -> Transcript:
    """Convert a thread's messages (parents first, each with its ``parts``) and turns to a tree.

    A part of type ``attachment`` holds a content part of the API under ``attachment``.
    """
    times = _times(messages, turns, now)
    by_tip = {_text(turn, "tip_message_hash"): turn for turn in turns}
    ids: dict[str, str] = {}
    tree: list[Message] = []
    for row in messages:
        key = _text(row, "hash")
        path = _Path(new_id, ids.get(_text(row, "parent_hash")))
        _add_parts(path, row, times.get(key, now))
        if key in by_tip and path.messages:
            path.messages[-1] = _with_figures(path.messages[-1], by_tip[key])
        tree.extend(path.messages)
        if path.parent is not None:
            ids[key] = path.parent
    head = ids.get(_text(thread, "tip_message_hash"))
    return lift_system(_transcript(thread, tree, {}, new_id(), now, head))


class _Path:
    """Builder of messages that follow one another."""

    def __init__(self, new_id: NewId, parent: str | None = None) -> None:
        self._new_id = new_id
        self.parent = parent
        self.messages: list[Message] = []

    def add(
        self,
        role: str,
        content: str,
        created: datetime,
        *,
        attachments: Sequence[Row] = (),
        calls: Sequence[Json] = (),
    ) -> Message:
        message = Message(
            id=self._new_id(),
            parent=self.parent,
            role=role,
            content=content,
            created=created,
            attachments=tuple(attachments),
            extra={"tool_calls": list(calls)} if calls else {},
        )
        self.messages.append(message)
        self.parent = message.id
        return message

    def add_result(self, result: Row, created: datetime) -> None:
        output = _text(result, "output") or _text(result, "exception")
        message = self.add("tool", output, created)
        call = _name(result, "tool_call_id")
        extra: dict[str, Json] = {"tool_call_id": call} if call else {}
        self.messages[-1] = replace(message, name=_name(result, "name"), extra=extra)


def _add_parts(path: _Path, row: Row, created: datetime) -> None:
    texts: list[str] = []
    thoughts: list[str] = []
    attachments: list[Row] = []
    calls: list[Json] = []
    for part in _rows(row, "parts"):
        match part.get("type"):
            case "reasoning":
                thoughts.append(_text(part, "text"))
            case "tool_call":
                calls.append(_tool_call(part))
            case "tool_result":
                path.add_result(part, created)
            case "attachment":
                attached = part.get("attachment")
                attachments.extend([attached] if isinstance(attached, dict) else [])
            case _:
                texts.append(_text(part, "text"))
    content = "\n".join(text for text in texts if text)
    if content or attachments or calls or thoughts or not path.messages:
        role = _text(row, "role") or "user"
        message = path.add(role, content, created, attachments=attachments, calls=calls)
        reasoning = "\n\n".join(text for text in thoughts if text)
        path.messages[-1] = replace(message, reasoning=reasoning)


def _with_figures(message: Message, row: Row) -> Message:
    """Add an answer's model, parameters, id and usage of a row of ``responses`` or ``turns``."""
    details = _object(row, "token_details")
    extra = {**message.extra}
    if details:
        extra["usage"] = {"token_details": dict(details)}
    prompt, completion = _count(row.get("input_tokens")), _count(row.get("output_tokens"))
    usage = Usage(
        prompt, completion, _find(details, "cached_tokens"), _find(details, "reasoning_tokens")
    )
    return replace(
        message,
        model=_name(row, "resolved_model") or _name(row, "model"),
        parameters=without_secrets(_object(row, "options_json")),
        response_id=message.response_id or _name(row, "id"),
        usage=None if prompt is None and completion is None else usage,
        extra=extra,
    )


def _transcript(
    conversation: Row,
    messages: Sequence[Message],
    settings: Mapping[str, Json],
    session_id: str,
    now: datetime,
    head: str | None = None,
) -> Transcript:
    record = SessionRecord(
        id=session_id,
        title=_text(conversation, "name") or title_of(messages),
        created=min((message.created for message in messages), default=now),
        updated=now,
        head=head or (messages[-1].id if messages else None),
        settings=settings,
    )
    return Transcript(record, tuple(messages))


def _times(messages: Sequence[Row], turns: Sequence[Row], now: datetime) -> dict[str, datetime]:
    """Return the time of the first turn that holds each message, by hash."""
    parents = {_text(row, "hash"): _text(row, "parent_hash") for row in messages}
    times: dict[str, datetime] = {}
    for turn in sorted(turns, key=lambda turn: _time(turn, now)):
        key = _text(turn, "tip_message_hash")
        while key in parents and key not in times:
            times[key] = _time(turn, now)
            key = parents[key]
    return times


def _tool_call(row: Row) -> Json:
    arguments = row.get("arguments")
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {
        "id": _text(row, "tool_call_id"),
        "type": "function",
        "function": {"name": _text(row, "name"), "arguments": written},
    }


def _time(row: Row, default: datetime) -> datetime:
    try:
        return in_utc(datetime.fromisoformat(_text(row, "datetime_utc")))
    except (ValueError, OverflowError):
        return default


def _find(details: Mapping[str, Json], key: str) -> int | None:
    """Return a count from the top or one level below: providers nest their details differently."""
    below = [value for value in details.values() if isinstance(value, dict)]
    found = (_count(place.get(key)) for place in [details, *below])
    return next((count for count in found if count is not None), None)


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _name(row: Row, key: str) -> str | None:
    return _text(row, key) or None


def _object(row: Row, key: str) -> Mapping[str, Json]:
    """Return the object that a column holds as JSON; an empty one if it cannot be read."""
    try:
        value: Json = json.loads(_text(row, key) or "null")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _rows(row: Row, key: str) -> list[Mapping[str, Json]]:
    value = row.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
