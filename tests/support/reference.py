"""The tables of commands, settings and options as Markdown, for the documents."""

from chatrepl.cli.arguments import option_rows
from chatrepl.core.commands.table import COMMANDS
from chatrepl.core.settings.table import SETTINGS

__all__ = ["SECTIONS", "fill"]


def commands() -> str:
    """List the commands."""
    rows = ["| command | what it does |", "|---|---|"]
    for command in COMMANDS:
        if command.is_setting:
            continue
        names = f"`/{command.name} {command.usage}`".replace(" `", "`").replace("|", "\\|")
        also = ", ".join(f"`/{alias}`" for alias in command.aliases)
        rows.append(f"| {names} | {command.summary}{f' ({also})' if also else ''} |")
    return "\n".join(rows)


def settings() -> str:
    """List the settings, with options and ranges."""
    rows = ["| setting | option | what it sets | values |", "|---|---|---|---|"]
    for setting in SETTINGS:
        options = ", ".join(f"`{option}`" for option in setting.options)
        rows.append(
            f"| `{setting.key}` | {options} | {setting.help} "
            f"| {setting.kind.range.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows)


def options() -> str:
    """List the options that are no setting's."""
    of_settings = {name for setting in SETTINGS for name in setting.options}
    rows = ["| option | what it does |", "|---|---|"]
    for row in option_rows():
        if not of_settings.intersection(row.names):
            names = ", ".join(f"`{name}`" for name in row.names)
            rows.append(
                f"| {names}{' `' + row.metavar + '`' if row.metavar else ''} | {row.help} |"
            )
    return "\n".join(rows)


SECTIONS = {"commands": commands, "settings": settings, "options": options}


def fill(document: str) -> str:
    """Write each section anew between its ``<!-- begin:NAME -->`` and ``<!-- end:NAME -->``."""
    for name, make in SECTIONS.items():
        begin, end = f"<!-- begin:{name} -->", f"<!-- end:{name} -->"
        before, found, rest = document.partition(begin)
        if found:
            after = rest.partition(end)[2]
            document = f"{before}{begin}\n{make()}\n{end}{after}"
    return document
