"""Lines for the shell: ``!`` and ``!!``."""

import pytest

from chatrepl.core.commands.dispatch import runs_at_once
from chatrepl.core.events import Level, Notice
from chatrepl.core.ports.system import ShellResult
from tests.support.fakes import World
from tests.support.session_talk import say


async def test_a_command_runs_and_nothing_is_sent() -> None:
    world = World()
    async with world.opened() as session:
        assert await say(session, "!ls -l | wc") == []
    assert world.shell.ran == [("ls -l | wc", False)]
    assert world.model.requests == []
    assert not runs_at_once("!ls")


async def test_a_command_s_failing_exit_is_told() -> None:
    for code, said in ((3, "exit code 3"), (-2, "ended by signal 2")):
        world = World()
        world.shell.result = ShellResult(code)
        async with world.opened() as session:
            assert await say(session, "!x") == [Notice(said, Level.WARNING)]


async def test_output_goes_with_the_next_message_where_that_is_wanted() -> None:
    world = World()
    world.shell.result = ShellResult(0, "one two\n")
    async with world.opened() as session:
        await say(session, "!!cat x.py")
        assert world.shell.ran == [("cat x.py", True)]
        await say(session, "why?")
        messages = world.model.requests[-1].body["messages"]
        expected = "why?\n\noutput of `cat x.py`:\n```\none two\n```"
        assert messages == [{"role": "user", "content": expected}]
        world.shell.result = ShellResult(0, "\n")
        await say(session, "!!true")
        assert session.pending == ()


@pytest.mark.parametrize("line", ["!", "!!", "! ", "!a\nb"])
async def test_no_command_and_several_lines_are_refused(line: str) -> None:
    world = World()
    async with world.opened() as session:
        told = [event for event in await say(session, line) if isinstance(event, Notice)]
    assert [notice.level for notice in told] == [Level.ERROR]
    assert world.shell.ran == []
    assert world.model.requests == []


@pytest.mark.parametrize("line", [" !important", "![picture](x.png)", "so! what"])
async def test_exclamations_that_are_text_are_sent(line: str) -> None:
    world = World()
    async with world.opened() as session:
        await say(session, line)
    assert world.shell.ran == []
    assert len(world.model.requests) == 1
