"""Shell completion scripts, generated from the command line's parser."""

import re
from collections.abc import Sequence

from chatrepl.cli.arguments import OptionRow
from chatrepl.core.errors import UsageError

_ROLES = "chatrepl --list-roles 2>/dev/null | cut -d' ' -f1"


def completion_script(shell: str, rows: Sequence[OptionRow]) -> str:
    """Generate the script for bash, zsh or fish. Raises ``UsageError`` for another shell."""
    writers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    if shell not in writers:
        raise UsageError(f"there is no completion for {shell}", "one of " + ", ".join(writers))
    return writers[shell](rows)


def _bash(rows: Sequence[OptionRow]) -> str:
    cases: list[str] = []
    for row in rows:
        if row.takes == 0:
            continue
        names = "|".join(row.names)
        if row.wants_file:
            action = (
                'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")'
            )
        elif row.is_role:
            action = f'mapfile -t COMPREPLY < <(compgen -W "$({_ROLES})" -- "$cur")'
        elif row.values:
            action = f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(row.values)}" -- "$cur")'
        else:
            action = "COMPREPLY=()"
        cases.append(f"    {names}) {action}; return ;;")
    names = " ".join(name for row in rows for name in row.names)
    return "\n".join(
        [
            "_chatrepl() {",
            '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"',
            '  case "$prev" in',
            *cases,
            "  esac",
            '  if [[ "$cur" == -* ]]; then',
            f'    mapfile -t COMPREPLY < <(compgen -W "{names}" -- "$cur")',
            "  fi",
            "}",
            "complete -F _chatrepl chatrepl",
        ]
    )


def _zsh(rows: Sequence[OptionRow]) -> str:
    specs: list[str] = []
    for row in rows:
        many = "*" if row.is_repeatable else ""
        others = "" if row.is_repeatable else f"({' '.join(row.names)})"
        value = "".join(f":{row.metavar.lower()}:{_zsh_values(row)}" for _ in range(row.takes))
        tail = _quoted(f"[{_zsh_text(row.help)}]{value}")
        specs += [f"  {_quoted(others + many + name)}{tail}" for name in row.names]
    return "\n".join(
        [
            "#compdef chatrepl",
            "_chatrepl() {",
            "  _arguments -s \\",
            " \\\n".join(f"  {spec}" for spec in specs),
            "}",
            # In a folder of $fpath the script is the function's body; else it is evaluated.
            'if [ "$funcstack[1]" = _chatrepl ]; then',
            '  _chatrepl "$@"',
            "else",
            "  compdef _chatrepl chatrepl",
            "fi",
        ]
    )


def _zsh_values(row: OptionRow) -> str:
    if row.wants_file:
        return "_files"
    if row.is_role:
        return f"($({_ROLES}))"
    return f"({' '.join(row.values)})" if row.values else " "


def _zsh_text(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _fish(rows: Sequence[OptionRow]) -> str:
    lines = ["complete -c chatrepl -f"]
    for row in rows:
        words = ["complete -c chatrepl"]
        words += [
            f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in row.names
        ]
        if row.takes:
            words.append("-r -F" if row.wants_file else "-x")
        if row.is_role:
            words.append(f"-a {_quoted(f'({_ROLES})')}")
        elif row.values and row.takes:
            words.append(f"-a {_quoted(' '.join(row.values))}")
        lines.append(" ".join([*words, f"-d {_quoted(row.help)}"]))
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
