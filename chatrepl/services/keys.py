"""Find the key that a profile names: in a variable, by a command, or in the system's keyring."""

import shlex
import subprocess
from collections.abc import Mapping

from chatrepl.core.errors import UsageError
from chatrepl.core.messages import Json
from chatrepl.core.ports import Secret
from chatrepl.core.servers import check_key, redact

__all__ = ["key_from"]

_COMMAND_TIMEOUT_S = 30


def key_from(fields: Mapping[str, Json], environment: Mapping[str, str]) -> tuple[Secret, str]:
    """Return a profile's key, and where it came from in words.

    ``fields`` holds one of ``api_key_env``, ``api_key_cmd`` and ``api_key_keyring``. Raises
    ``UsageError``, which never holds the key.
    """
    if name := _text(fields, "api_key_env"):
        return _checked(_from_variable(name, environment), name), name
    if command := _text(fields, "api_key_cmd"):
        return _checked(_from_command(command), "api_key_cmd"), f"the command {command.split()[0]}"
    entry = _text(fields, "api_key_keyring")
    return _checked(_from_keyring(entry), "api_key_keyring"), f"the keyring entry {entry}"


def _text(fields: Mapping[str, Json], name: str) -> str:
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""


def _checked(text: str, origin: str) -> Secret:
    try:
        return check_key(text)
    except UsageError as error:
        raise UsageError(f"{origin}: {error.message}", error.hint) from None


def _from_variable(name: str, environment: Mapping[str, str]) -> str:
    if not environment.get(name, "").strip():
        raise UsageError(
            f"the configuration takes the key from {name}, which is not set", f"export {name}=…"
        )
    return environment[name]


def _from_command(command: str) -> str:
    try:
        words = shlex.split(command)
        ended = subprocess.run(
            words, capture_output=True, timeout=_COMMAND_TIMEOUT_S, check=False, text=True
        )
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(f"api_key_cmd cannot be run: {error}", "check the command") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"api_key_cmd took more than {_COMMAND_TIMEOUT_S} s") from None
    if ended.returncode:
        said = redact((ended.stderr.strip().splitlines() or ["it said nothing"])[-1])
        raise UsageError(f"api_key_cmd failed with exit code {ended.returncode}: {said[:200]}")
    return ended.stdout


def _from_keyring(entry: str) -> str:
    service, slash, name = entry.partition("/")
    if not (service and slash and name):
        raise UsageError("api_key_keyring is not “service/name”")
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise UsageError(
            "api_key_keyring wants the package keyring", "pip install keyring"
        ) from None
    try:
        key = keyring.get_password(service, name)
    except keyring.errors.KeyringError as error:
        raise UsageError(f"the keyring cannot be asked: {error}") from None
    if key is None:
        raise UsageError(f"the keyring has no entry {entry}", f"keyring set {service} {name}")
    return str(key)
