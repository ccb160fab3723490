"""Commands about roles: /role and /roles."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Level, Notice, Table
from chatrepl.core.messages import Json, Message, State
from chatrepl.core.session import Session
from chatrepl.core.settings.kinds import examples_in
from chatrepl.core.settings.layers import Layer
from chatrepl.core.settings.response_format import FORMAT_KEY, format_of_schema
from chatrepl.core.settings.roles import (
    Role,
    check_role_name,
    filled,
    parse_role,
    protected,
    role_text,
    variables_of,
)
from chatrepl.core.settings.table import SETTINGS, find_setting
from chatrepl.core.text.quoting import split_words

__all__ = ["complete_role", "list_roles", "role", "roles", "use_role"]

_SAVE = "--save"
_NO_ROLE = "default"
_GIVEN = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


async def role(call: Call) -> AsyncIterator[Event]:
    """/role: show the role, take one, go back to none, or save the present one."""
    session, words = call.session, _words(call.rest)
    if not words:
        yield Notice(
            f"role: {session.settings.role_name() or 'none'}",
            hint="/roles lists them; /role NAME takes one, /role default takes none",
        )
    elif words[0] == _SAVE:
        yield await _save(session, words[1:])
    elif words == [_NO_ROLE]:
        session.settings = session.settings.with_layer(Layer.ROLE, {}, "role")
        for event in await _saved(session):
            yield event
        yield Notice("no role any more", Level.SUCCESS)
    else:
        async for event in use_role(session, call.rest):
            yield event


async def use_role(
    session: Session, text: str, *, keeps_options: bool = False
) -> AsyncIterator[Event]:
    """Take a role: ``NAME``, with ``variable=value`` words after it; what is missing is asked.

    What was set before gives way to what the role sets; ``keeps_options``: the command line's
    options do not. Raises ``UsageError``.
    """
    if not (words := _words(text)):
        raise UsageError("a role wants a name", "/roles lists them")
    name, *given = words
    found = await _read(session, name)
    values = filled(found, await _variables(session, found, given)).values()
    form = values.get(FORMAT_KEY)
    if isinstance(form, str):
        path = session.ports.roles.place_of(form)
        values[FORMAT_KEY] = format_of_schema(await session.ports.files.read(path), path)
    layers = [Layer.COMMAND, Layer.SESSION]
    if not keeps_options:
        layers.append(Layer.OPTION)
    for key in values:
        session.settings = session.settings.without(key, *layers)
    session.settings = session.settings.with_layer(Layer.ROLE, values, f"role {name}")
    for event in await _saved(session):
        yield event
    sets = ", ".join(values)
    yield Notice(f"role: {name}  (sets {sets or 'nothing'})", Level.SUCCESS)


async def _read(session: Session, name: str) -> Role:
    files = session.ports.roles
    return parse_role(name, await files.read(name), files.place_of(f"{name}.md"))


def _words(text: str) -> list[str]:
    r"""Split at blanks; a value may be quoted: ``language="Swiss German"``."""
    quoted = re.sub(r'(?<!\S)([A-Za-z_]\w*=)"', r'"\1', text)
    return split_words(quoted)


async def _saved(session: Session) -> Sequence[Event]:
    await session.save_settings()
    return session.take_notices()


async def _variables(session: Session, found: Role, given: Sequence[str]) -> Mapping[str, str]:
    wanted = variables_of(found)
    values: dict[str, str] = {}
    for word in given:
        match = _GIVEN.fullmatch(word)
        if match is None or match[1] not in wanted:
            known = ", ".join(wanted) or "it has no variables"
            raise UsageError(f"role {found.name} has no variable in “{word}”", known)
        values[match[1]] = match[2]
    for name, default in wanted.items():
        if name not in values:
            shown = f" [{default}]" if default else ""
            person = session.ports.person
            typed = await person.ask_text(f"{found.name}: {name}{shown}:")
            if typed is None and person.has_input_line:
                raise UsageError(f"role {found.name} is not taken: {name} was not given", "/role")
            values[name] = (typed or "").strip() or default
        if not values[name]:
            raise UsageError(
                f"role {found.name} wants {name}", f'{found.name} {name}="…" after the name'
            )
    return values


async def _save(session: Session, words: Sequence[str]) -> Event:
    """Write what is in force as a role: texts, parameters, and pinned turns as examples."""
    replace = "--replace" in words
    names = [word for word in words if word != "--replace"]
    if len(names) != 1:
        raise UsageError("/role --save wants a name", "/role --save NAME")
    check_role_name(names[0])
    settings = session.settings
    values: dict[str, Json] = {}
    for key in [*(setting.key for setting in SETTINGS), *settings.extra_keys()]:
        resolved = settings.resolve(key)
        is_ours = find_setting(key).is_parameter or key == "model" or key.startswith("extra.")
        if is_ours and resolved.value is not None and resolved.layer is not Layer.DEFAULT:
            values[key] = resolved.value
    made = Role(
        names[0],
        protected(settings.text("system") or ""),
        reminder=protected(settings.text("reminder") or ""),
        examples=_examples(session),
        settings=values,
    )
    where = await session.ports.roles.write(names[0], role_text(made), replace=replace)
    count = len(made.examples)
    pinned = f", {count} pinned messages as examples" if count else ""
    return Notice(f"wrote {where}{pinned}", Level.SUCCESS, hint=f"/role {names[0]} takes it")


def _examples(session: Session) -> tuple[tuple[str, str], ...]:
    kept = examples_in(session.settings.get("examples"))
    pinned = session.conversation.marks.pinned
    kept += [
        (message.role, message.content)
        for message in session.conversation.path
        if message.id in pinned and _is_example(message)
    ]
    return tuple((role_name, protected(content)) for role_name, content in kept)


def _is_example(message: Message) -> bool:
    return message.role in ("user", "assistant") and message.state is State.COMPLETE


async def roles(call: Call) -> AsyncIterator[Event]:
    """/roles: list the roles."""
    call.takes_nothing()
    current = call.session.settings.role_name()
    rows = [
        (found.name + (" ←" if found.name == current else ""), found.description, said)
        for found, said in await list_roles(call.session)
    ]
    yield Table(("role", "what it does", "variables"), rows, footer=("/role NAME takes one",))


async def list_roles(session: Session) -> list[tuple[Role, str]]:
    """Read all roles; with each, its variables in words. What is wrong with one describes it."""
    listed: list[tuple[Role, str]] = []
    for name in session.ports.roles.names():
        try:
            found = parse_role(name, await session.ports.roles.read(name), f"{name}.md")
        except UsageError as error:
            listed.append((Role(name, "", f"cannot be used: {error.message}"), ""))
            continue
        listed.append((found, ", ".join(variables_of(found))))
    return listed


def complete_role(session: Session, text: str) -> Sequence[Value]:
    """Offer the roles."""
    if " " in text.lstrip():
        return ()
    offered = [Value(name) for name in session.ports.roles.names()]
    return [*offered, Value(_NO_ROLE, "no role"), Value(_SAVE, "write the present one: NAME")]
