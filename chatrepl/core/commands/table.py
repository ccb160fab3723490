"""Table of the commands: it drives dispatch, help, completion and the documents."""

from chatrepl.core.commands.command import Command, Value, offering
from chatrepl.core.commands.handlers import (
    branches,
    context,
    conversation,
    costs,
    files,
    inspect,
    library,
    logprobs,
    roles,
    servers,
    sessions,
    settings,
)
from chatrepl.core.settings.table import SETTINGS, Setting, find_setting


def _setting_row(setting: Setting) -> Command:
    """Make the row of a setting's own command."""
    placeholder = setting.kind.placeholder or " | ".join(setting.kind.values)
    return Command(
        setting.key,
        setting.help,
        lambda call: settings.show_or_set(call.session, setting, call.rest),
        usage=f"[{placeholder} | default]",
        complete=lambda session, text: settings.complete_value(session, setting, text),
        is_setting=True,
        at_once=not setting.in_session,
    )


_OWN_ROWS = frozenset({"model", "system", "reminder", "logprobs"})
"""Settings with a row of their own in the table."""

COMMANDS: tuple[Command, ...] = (
    Command(
        "help",
        "list the commands, or tell about one",
        inspect.help_,
        ("?",),
        "[command]",
        at_once=True,
    ),
    Command("exit", "leave; all is saved", conversation.leave, ("quit", "q", "bye"), at_once=True),
    Command("new", "a new conversation; settings stay", conversation.new, ("clear", "reset")),
    Command(
        "model",
        "show or switch the model",
        settings.model,
        usage="[name]",
        complete=settings.complete_model,
    ),
    Command(
        "models",
        "list what the server offers, with window and price",
        servers.models,
        usage="[filter] [--fresh]",
        complete=offering(Value("--fresh", "ask the server again")),
        at_once=True,
    ),
    Command(
        "system",
        "show or set the system role",
        settings.system,
        usage="[text | --file PATH | --edit | --clear]",
    ),
    Command(
        "reminder",
        "show or set the text added to each message when it is sent",
        settings.reminder,
        usage="[text | --clear]",
        complete=offering(Value("--clear", "no reminder")),
        completes="each word",
    ),
    Command(
        "role",
        "take a role: system text, examples, reminder, parameters",
        roles.role,
        usage="[name [variable=value …] | default | --save NAME]",
        complete=roles.complete_role,
    ),
    Command("roles", "list the roles", roles.roles, at_once=True),
    Command(
        "set",
        "show all settings, or show or set one",
        settings.set_value,
        ("params",),
        "[key [value]]",
        complete=settings.complete_set,
        completes="each word",
    ),
    *(
        _setting_row(setting)
        for setting in SETTINGS
        if setting.has_command and setting.key not in _OWN_ROWS
    ),
    Command(
        "logprobs",
        find_setting("logprobs").help,
        logprobs.logprobs,
        usage="[on | off | show [N] | default]",
        complete=logprobs.complete_logprobs,
        is_setting=True,
    ),
    Command(
        "context",
        "every message, its tokens, and whether it is sent",
        context.context,
        ("tokens",),
        "[--json]",
        complete=offering(Value("--json", "for programs")),
        completes="each word",
        at_once=True,
    ),
    Command(
        "compact",
        "summarise what no longer fits",
        context.compact,
        usage="[hint | --undo]",
        complete=offering(Value("--undo", "send the originals again")),
    ),
    Command("pin", "always send a turn", conversation.pin, usage="N"),
    Command("unpin", "no longer pin a turn", conversation.unpin, usage="N"),
    Command("drop", "take a turn out of what is sent", conversation.drop, usage="N"),
    Command("undrop", "send a dropped turn again", conversation.undrop, usage="N"),
    Command(
        "cost",
        "tokens and money: last answer, session, day, month",
        costs.cost,
        ("usage",),
        at_once=True,
    ),
    Command(
        "info",
        "model, server, session, budget, last response",
        inspect.info,
        ("status",),
        at_once=True,
    ),
    Command(
        "request",
        "the request that would be sent, as JSON; with a text, that message in it",
        inspect.request,
        usage="[text]",
        at_once=True,
    ),
    Command("response", "the last response, as JSON", inspect.response, at_once=True),
    Command("history", "print the conversation again", conversation.history, usage="[n]"),
    Command(
        "undo", "step back; the text returns to the input line", conversation.undo, usage="[n]"
    ),
    Command("redo", "step forward again", branches.redo),
    Command(
        "retry",
        "a further answer to the same message",
        conversation.retry,
        ("regenerate",),
        "[MODEL | PROFILE:MODEL]",
        complete=servers.complete_model_names,
        completes="each word",
        is_turn=True,
    ),
    Command(
        "edit",
        "edit an earlier message and go on from there",
        branches.edit,
        usage="[N]",
        complete=branches.complete_edit,
    ),
    Command("continue", "finish an answer that was cut", conversation.continue_, is_turn=True),
    Command("alternatives", "sibling answers", branches.siblings, ("alt",)),
    Command(
        "pick",
        "choose among sibling answers, or branches",
        branches.pick,
        usage="N | LETTER",
        complete=branches.complete_pick,
    ),
    Command(
        "compare",
        "send the next message to several models at once",
        servers.compare,
        usage="MODEL MODEL … | PROFILE:MODEL … | off",
        complete=servers.complete_compare,
        completes="each word",
    ),
    Command("tree", "the conversation's branches", branches.tree),
    Command("fork", "go on in a copy of this session", library.fork, usage="[name]"),
    Command(
        "save", "name this session, or write a transcript", sessions.save, usage="[name or file]"
    ),
    Command(
        "load",
        "go on with a saved session or a transcript",
        sessions.load,
        ("resume",),
        "[name, number or file]",
        complete=sessions.complete_sessions,
        completes="phrase",
    ),
    Command(
        "sessions",
        "list the saved sessions, the newest 20 or all, or those in the bin",
        sessions.sessions,
        usage="[filter] [--all] [--deleted]",
        complete=sessions.complete_list,
        completes="each word",
        at_once=True,
    ),
    Command("search", "search all sessions", library.search, usage="words", at_once=True),
    Command("rename", "name this session", library.rename, usage="name"),
    Command(
        "delete",
        "put a session in the bin, for 30 days",
        library.delete,
        usage="name or number",
        complete=sessions.complete_sessions,
        completes="phrase",
    ),
    Command(
        "export",
        "write the conversation to a file",
        sessions.export,
        usage="FILE.md | FILE.json | FILE.html",
    ),
    Command(
        "import",
        "read conversations from a file: JSON, a ChatGPT export, llm's logs.db",
        library.import_,
        usage="FILE",
    ),
    Command(
        "copy",
        "copy the last answer, a message, code, or all",
        conversation.copy,
        usage="[last | N | code [N] | all]",
        complete=offering(
            Value("last", "the last answer"),
            Value("code", "its last code block, or: code N"),
            Value("all", "the whole conversation"),
        ),
        at_once=True,
    ),
    Command(
        "write",
        "write the last answer, or code of it, to a file",
        files.write,
        usage="FILE [code [N]]",
        complete=files.complete_write,
        completes="each word",
    ),
    Command(
        "file",
        "attach files, images or web pages to the next message",
        files.file,
        usage="[PATH or URL … | --clear]",
        complete=files.complete_file,
        completes="each word",
    ),
    Command("editor", "compose in $VISUAL or $EDITOR", conversation.editor, at_once=True),
    Command(
        "profile",
        "switch the server profile; local: the built-in model",
        servers.profile,
        usage="[name | local | default]",
        complete=servers.complete_profile,
    ),
    Command(
        "local",
        "talk to the built-in model",
        servers.local,
        usage="[off]",
        complete=offering(Value("off", "back to the server")),
        completes="each word",
    ),
    Command("key", "type a key, unseen, for this run", servers.key),
    Command(
        "debug",
        "write a log of requests, without keys and messages",
        inspect.debug,
        usage="[on | off]",
        complete=offering(Value("on"), Value("off")),
        at_once=True,
    ),
)
