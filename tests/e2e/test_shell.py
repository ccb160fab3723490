"""Shell commands from the prompt, with the terminal to themselves."""

from pathlib import Path

from tests.support.servers.sse_server import SseServer
from tests.support.terminal.program import MARK, Run, Start


def test_a_command_has_the_terminal_and_the_prompt_comes_below_its_output(
    start: Start, server: SseServer
) -> None:
    chat = start(rows=50).ready()
    chat.expect("/help lists")
    chat.say("!printf 'no end'").expect(f"{MARK} !printf 'no end'\nno end\n").ready()
    chat.say("!echo begun; read line; echo got:$line").expect("\nbegun")
    chat.say("typed").expect("got:typed\n").ready()
    chat.say("!!printf 'alpha\\033[2J'; exit 3").expect("alpha␛[2J\n", "exit code 3").ready()
    chat.say("and?").expect("You said: and?").ready()
    sent = server.requests[-1].messages[-1]["content"]
    assert sent.endswith("```\nalpha\x1b[2J\n```")
    chat.leave()


def test_ctrl_c_is_the_commands_and_the_conversation_goes_on(start: Start, home: Path) -> None:
    chat = start(rows=50).ready()
    chat.expect("/help lists")
    chat.say(f"!touch {home}/begun; sleep 60")
    chat.wait_until((home / "begun").exists, "the command begins")
    chat.send("\x03")
    chat.expect("ended by signal 2").ready()
    chat.say("hello").expect("You said: hello").ready()
    chat.leave()


def test_a_scripts_commands_have_no_input_to_take_from_the_script(
    run: Run, server: SseServer
) -> None:
    script = "!cat; echo shown\n!!echo added\nhello\n"
    done = run("--base-url", server.base_url, "--script", "-", stdin=script)
    assert done.returncode == 0
    assert done.stdout.startswith("shown\nadded\nYou said: hello\n\noutput of `echo added`:")
