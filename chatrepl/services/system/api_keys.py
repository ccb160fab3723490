"""API keys of profiles: from a variable, a command, or the system's keyring."""

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from chatrepl.core.errors import UsageError
from chatrepl.core.json_value import Json
from chatrepl.core.ports.chat_model import Secret
from chatrepl.core.servers.addresses import check_key, redact

_COMMAND_TIMEOUT_S = 30.0
_POLL_S = 0.05
_SHOWN_CHARS = 200


def key_from(
    fields: Mapping[str, Json],
    environment: Mapping[str, str],
    *,
    command_timeout_s: float = _COMMAND_TIMEOUT_S,
    stop: threading.Event | None = None,
) -> tuple[Secret, str]:
    """Return a profile's key and its origin in words.

    ``fields`` holds one of ``api_key_env``, ``api_key_cmd`` and ``api_key_keyring``. A command is
    run without a shell and without input; setting ``stop`` ends it with its children. Raises
    ``UsageError``, which never contains the key.
    """
    if "api_key_env" in fields:
        name = _text(fields, "api_key_env")
        return _checked(_from_variable(name, environment), name), name
    if "api_key_cmd" in fields:
        words = _words(_text(fields, "api_key_cmd"))
        output = _from_command(words, environment, command_timeout_s, stop or threading.Event())
        return _checked(output, "api_key_cmd"), f"the command {words[0]}"
    entry = _text(fields, "api_key_keyring")
    return _checked(_from_keyring(entry), "api_key_keyring"), f"the keyring entry {entry}"


def _text(fields: Mapping[str, Json], name: str) -> str:
    value = fields.get(name)
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise UsageError(f"{name} is empty", "give it a value, or take it out of the configuration")
    return text


def _checked(text: str, origin: str) -> Secret:
    try:
        return check_key(text)
    except UsageError as error:
        raise UsageError(f"{origin}: {error.message}", error.hint) from None


def _from_variable(name: str, environment: Mapping[str, str]) -> str:
    if not environment.get(name, "").strip():
        raise UsageError(
            f"the configuration takes the key from {redact(name)}, which is not set",
            f"export {redact(name)}=…",
        )
    return environment[name]


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"api_key_cmd cannot be read: {error}", "check its quotes") from None
    if not words or not words[0]:
        raise UsageError("api_key_cmd names no command", "check its quotes")
    return words


def _from_command(
    words: list[str], environment: Mapping[str, str], timeout_s: float, stop: threading.Event
) -> str:
    try:
        process = subprocess.Popen(
            words,
            # Piped text is the user's message: the command must not read it.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            # To end it with its children, and to keep it from asking on the prompt's terminal.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise UsageError(
            f"api_key_cmd cannot be run: {words[0]}: {_cause(error)}", "check the command"
        ) from None
    with process:
        try:
            stdout, stderr = _output(process, words[0], timeout_s, stop)
        except BaseException:
            _kill(process)
            raise
    if process.returncode:
        lines = stderr.decode("utf-8", "replace").strip().splitlines()
        last = redact(lines[-1])[:_SHOWN_CHARS] if lines else "it said nothing"
        raise UsageError(f"api_key_cmd failed with exit code {process.returncode}: {last}")
    # Bytes that are not UTF-8 are rejected by the check of the key.
    return stdout.decode("utf-8", "replace")


def _output(
    process: "subprocess.Popen[bytes]", name: str, timeout_s: float, stop: threading.Event
) -> tuple[bytes, bytes]:
    """Wait for a command's output, looking at ``stop`` meanwhile. Raises ``UsageError``."""
    end_s = time.monotonic() + timeout_s
    while not stop.is_set():
        try:
            return process.communicate(timeout=min(_POLL_S, timeout_s))
        except subprocess.TimeoutExpired:
            if time.monotonic() >= end_s:
                raise UsageError(
                    f"api_key_cmd took more than {timeout_s:g} s: {name}",
                    "it must print the key without asking anything",
                ) from None
    raise UsageError(f"api_key_cmd was given up: {name}")


def _cause(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command with its children, which may hold its pipes open after its end."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _from_keyring(entry: str) -> str:
    service, _, name = entry.partition("/")
    if not (service and name):
        raise UsageError("api_key_keyring is not “service/name”", "write it with one slash")
    try:
        import keyring
    except ImportError:
        raise UsageError(
            "api_key_keyring wants the package keyring", "pip install keyring"
        ) from None
    try:
        key = keyring.get_password(service, name)
    except Exception as error:  # noqa: BLE001 - backends raise errors of many libraries
        reason = redact(str(error) or type(error).__name__)[:_SHOWN_CHARS]
        raise UsageError(
            f"the keyring cannot be asked: {reason}", "unlock it, or use api_key_cmd"
        ) from None
    if key is None:
        raise UsageError(f"the keyring has no entry {entry}", f"keyring set {service} {name}")
    return str(key)
