"""Handlers for roles: /role and /roles."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Level, Notice, Table
from chatrepl.core.messages import State
from chatrepl.core.session import Session
from chatrepl.core.settings.kinds import examples_in
from chatrepl.core.settings.layers import Layer
from chatrepl.core.settings.response_format import FORMAT_KEY, format_of_schema
from chatrepl.core.settings.roles import (
    Role,
    check_role_name,
    escape_variables,
    fill_variables,
    format_role,
    parse_role,
    variables_of,
)
from chatrepl.core.settings.table import EXTRA, SETTINGS, find_setting
from chatrepl.core.text.quoting import split_words

if TYPE_CHECKING:
    from chatrepl.core.json_value import Json

_SAVE = "--save"
_NO_ROLE = "default"
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


async def role(call: Call) -> AsyncIterator[Event]:
    """/role: show the role in use, use another one or none, or save the present settings as one."""
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
        await session.save_settings()
        yield Notice("no role any more", Level.SUCCESS)
    else:
        async for event in use_role(session, call.rest):
            yield event


async def use_role(
    session: Session, text: str, *, keeps_options: bool = False
) -> AsyncIterator[Event]:
    """Use a role: ``NAME``, with ``variable=value`` words after it; asks for the other variables.

    The role's values replace those set before, with ``keeps_options`` except those of the command
    line. Raises ``UsageError``.
    """
    if not (words := _words(text)):
        raise UsageError("a role wants a name", "/roles lists them")
    name, *assignments = words
    files = session.ports.roles
    template = parse_role(name, await files.read(name), files.place_of(f"{name}.md"))
    values = fill_variables(template, await _variables(session, template, assignments)).values()
    form = values.get(FORMAT_KEY)
    if isinstance(form, str):
        path = files.place_of(form)
        values[FORMAT_KEY] = format_of_schema(await session.ports.files.read(path), path)
    layers = [Layer.COMMAND, Layer.SESSION]
    if not keeps_options:
        layers.append(Layer.OPTION)
    for key in values:
        session.settings = session.settings.without(key, *layers)
    session.settings = session.settings.with_layer(Layer.ROLE, values, f"role {name}")
    await session.save_settings()
    sets = ", ".join(values)
    yield Notice(f"role: {name}  (sets {sets or 'nothing'})", Level.SUCCESS)


def _words(text: str) -> list[str]:
    r"""Split at blanks; a value may be quoted: ``language="Swiss German"``."""
    quoted = re.sub(r'(?<!\S)([A-Za-z_]\w*=)"', r'"\1', text)
    return split_words(quoted)


async def _variables(
    session: Session, template: Role, assignments: Sequence[str]
) -> Mapping[str, str]:
    """Return a value for each of a role's variables: assigned, typed, else the default."""
    defaults = variables_of(template)
    values: dict[str, str] = {}
    for word in assignments:
        match = _ASSIGNMENT.fullmatch(word)
        if match is None or match[1] not in defaults:
            known = ", ".join(defaults) or "it has no variables"
            raise UsageError(f"role {template.name} has no variable in “{word}”", known)
        values[match[1]] = match[2]
    for name, default in defaults.items():
        if name not in values:
            values[name] = await _ask_variable(session, template.name, name, default)
        if not values[name]:
            raise UsageError(
                f"role {template.name} wants {name}", f'{template.name} {name}="…" after the name'
            )
    return values


async def _ask_variable(session: Session, role_name: str, name: str, default: str) -> str:
    person = session.ports.person
    shown = f" [{default}]" if default else ""
    typed = await person.ask_text(f"{role_name}: {name}{shown}:")
    if typed is None and person.has_input_line:
        raise UsageError(f"role {role_name} is not taken: {name} was not given", "/role")
    return (typed or "").strip() or default


async def _save(session: Session, words: Sequence[str]) -> Event:
    """Save the values in force as a role: texts, parameters, and pinned turns as examples."""
    replace = "--replace" in words
    names = [word for word in words if word != "--replace"]
    if len(names) != 1:
        raise UsageError("/role --save wants a name", "/role --save NAME")
    check_role_name(names[0])
    settings = session.settings
    values: dict[str, Json] = {}
    for key in [*(setting.key for setting in SETTINGS), *settings.extra_keys()]:
        resolved = settings.resolve(key)
        is_saved = find_setting(key).is_parameter or key == "model" or key.startswith(EXTRA)
        if is_saved and resolved.value is not None and resolved.layer is not Layer.DEFAULT:
            values[key] = resolved.value
    saved = Role(
        names[0],
        escape_variables(settings.text("system") or ""),
        reminder=escape_variables(settings.text("reminder") or ""),
        examples=_examples(session),
        settings=values,
    )
    where = await session.ports.roles.write(names[0], format_role(saved), replace=replace)
    count = len(saved.examples)
    pinned = f", {count} pinned messages as examples" if count else ""
    return Notice(f"wrote {where}{pinned}", Level.SUCCESS, hint=f"/role {names[0]} takes it")


def _examples(session: Session) -> tuple[tuple[str, str], ...]:
    """Return the opening and the pinned messages as pairs of role and text."""
    pinned = [
        (message.role, message.content)
        for message in session.conversation.path
        if message.id in session.conversation.marks.pinned
        and message.role in ("user", "assistant")
        and message.state is State.COMPLETE
    ]
    opening = examples_in(session.settings.get("examples"))
    return tuple((role, escape_variables(content)) for role, content in (*opening, *pinned))


async def roles(call: Call) -> AsyncIterator[Event]:
    """/roles: list the roles."""
    call.takes_nothing()
    current = call.session.settings.role_name()
    rows = [
        (found.name + (" ←" if found.name == current else ""), found.description, variables)
        for found, variables in await read_roles(call.session)
    ]
    yield Table(("role", "what it does", "variables"), rows, footer=("/role NAME takes one",))


async def read_roles(session: Session) -> list[tuple[Role, str]]:
    """Return all roles, each with its variables; the description of a damaged one is its error."""
    listed: list[tuple[Role, str]] = []
    for name in session.ports.roles.names():
        try:
            found = parse_role(name, await session.ports.roles.read(name), f"{name}.md")
        except UsageError as error:
            listed.append((Role(name, "", f"cannot be used: {error.message}"), ""))
            continue
        listed.append((found, ", ".join(variables_of(found))))
    return listed


def complete_role(session: Session, _text: str) -> Sequence[Value]:
    """Offer the roles, and the words that use none or save one."""
    offered = [Value(name) for name in session.ports.roles.names()]
    return [*offered, Value(_NO_ROLE, "no role"), Value(_SAVE, "write the present one: NAME")]
