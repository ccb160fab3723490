"""Wire the program: services behind the core's ports, and one session over them."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from chatrepl.cli.arguments import Options
from chatrepl.cli.configure import (
    choice_by_options,
    choose_profile,
    choose_server,
    chooses_local,
    combine_settings,
    configured_prices,
)
from chatrepl.cli.process import SystemClock, new_id
from chatrepl.cli.profiles import ConfiguredProfiles
from chatrepl.cli.program import Program, TerminalPerson
from chatrepl.core.errors import UsageError
from chatrepl.core.ports.system import Person
from chatrepl.core.session import Session
from chatrepl.core.sessions.state import Ports
from chatrepl.core.settings.response_format import format_of_schema
from chatrepl.services.files.attachments import AttachmentLoader
from chatrepl.services.files.configuration import Configuration, read_configuration
from chatrepl.services.files.debug_log import FileDebugLog
from chatrepl.services.files.learned_facts import FileMemory, NoMemory
from chatrepl.services.files.paths import Paths, find_paths
from chatrepl.services.files.role_files import RoleFiles
from chatrepl.services.files.user_files import UserFiles
from chatrepl.services.llm_import.logs import LlmLogs
from chatrepl.services.local_model import BuiltInModel
from chatrepl.services.models.price_catalog import PriceCatalog
from chatrepl.services.models.tokenizer import TiktokenCounter
from chatrepl.services.openai_api import OpenAIChatModel
from chatrepl.services.store import SqliteStore
from chatrepl.services.system.clipboard import SystemClipboard
from chatrepl.services.system.shell import SystemShell


def wire(
    options: Options,
    environment: Mapping[str, str],
    person: Person | None = None,
    stop: threading.Event | None = None,
) -> Program:
    """Build the configured program; ``stop`` ends a key's command. Raises ``UsageError``."""
    paths = find_paths(environment)
    debug_log = FileDebugLog(paths.log_file)
    shell = SystemShell(environment)
    if options.debug:
        debug_log.start()
    configuration = _read_configuration(options, paths)
    options = _with_schema_file(_with_system_file(options))
    profile = choose_profile(options, environment, configuration)
    settings = combine_settings(options, environment, configuration, profile)
    uses_local = chooses_local(options, environment, configuration)
    server = None
    if not uses_local:
        server = choose_server(options, environment, configuration, profile, stop)
    disk_store = SqliteStore(paths.database)
    # Listings and exports read what is saved, so --no-save does not concern them.
    is_unsaved = options.no_save and not (options.list_sessions or options.export)
    session = Session(
        Ports(
            model=OpenAIChatModel(),
            store=SqliteStore(None) if is_unsaved else disk_store,
            counter=TiktokenCounter(),
            catalog=PriceCatalog(configured_prices(configuration)),
            local=BuiltInModel(
                paths.cache_folder,
                gguf=Path(options.gguf).expanduser() if options.gguf else None,
                context_window=settings.integer("context_window"),
            ),
            clipboard=SystemClipboard(environment),
            files=UserFiles(),
            person=person or TerminalPerson(),
            clock=SystemClock(),
            html=_markdown_to_html,
            new_id=new_id,
            logs=LlmLogs(),
            memory=NoMemory()
            if options.no_save
            else FileMemory(paths.cache_folder / "learnt.json"),
            profiles=ConfiguredProfiles(options, environment, configuration, profile),
            roles=RoleFiles(paths.roles_folder),
            debug_log=debug_log,
            shell=shell,
            attachments=AttachmentLoader(),
        ),
        settings,
        server=server,
        uses_local=uses_local,
    )
    session.servers.choice = choice_by_options(options, configuration)
    session.disk_store = disk_store if is_unsaved else None
    return Program(session, options, environment, shell, configuration.warnings)


def _read_configuration(options: Options, paths: Paths) -> Configuration:
    path = Path(options.config).expanduser() if options.config else paths.config_file
    return read_configuration(path, must_exist=options.config is not None)


def _with_system_file(options: Options) -> Options:
    if options.system_file is None:
        return options
    if "system" in options.settings:
        raise UsageError("--system and --system-file both set the system role", "give one of them")
    text = UserFiles.read_now(options.system_file).strip()
    return replace(options, settings={**options.settings, "system": text})


def _with_schema_file(options: Options) -> Options:
    if options.schema_file is None:
        return options
    form = format_of_schema(UserFiles.read_now(options.schema_file), options.schema_file)
    return replace(options, settings={**options.settings, "response_format": form})


def _markdown_to_html(text: str) -> str:
    from chatrepl.terminal.draw.html_export import markdown_to_html

    return markdown_to_html(text)
