"""The one table of slash-commands: it drives dispatch, help, completion, and the documents."""

from chatrepl.core.commands.command import Command
from chatrepl.core.commands.handlers import branches, context, conversation, files, roles, sessions
from chatrepl.core.commands.handlers import costs as budget
from chatrepl.core.commands.handlers import inspect as about
from chatrepl.core.commands.handlers import inspect as log
from chatrepl.core.commands.handlers import inspect as request
from chatrepl.core.commands.handlers import library as shelf
from chatrepl.core.commands.handlers import logprobs as certainty
from chatrepl.core.commands.handlers import servers as compare
from chatrepl.core.commands.handlers import servers as server
from chatrepl.core.commands.handlers import settings as values
from chatrepl.core.settings.table import SETTINGS, Setting, find_setting

__all__ = ["COMMANDS"]


def _of_setting(setting: Setting) -> Command:
    """Make the row of a setting's own command."""
    placeholder = setting.kind.placeholder or " | ".join(setting.kind.values)
    return Command(
        setting.key,
        setting.help,
        values.handler_of(setting.key),
        usage=f"[{placeholder} | default]",
        complete=values.completer_of(setting.key),
        is_setting=True,
        at_once=not setting.in_session,
    )


_OWN_ROWS = frozenset({"model", "system", "reminder", "logprobs"})

COMMANDS: tuple[Command, ...] = (
    Command(
        "help",
        "list the commands, or tell about one",
        about.help_,
        ("?",),
        "[command]",
        at_once=True,
    ),
    Command("exit", "leave; all is saved", conversation.leave, ("quit", "q", "bye"), at_once=True),
    Command("new", "a new conversation; settings stay", conversation.new, ("clear", "reset")),
    Command(
        "model",
        "show or switch the model",
        values.model,
        usage="[name]",
        complete=values.complete_model,
    ),
    Command(
        "models",
        "list what the server offers, with window and price",
        server.models,
        usage="[filter] [--fresh]",
        complete=server.complete_models,
        at_once=True,
    ),
    Command(
        "system",
        "show or set the system role",
        values.system,
        usage="[text | --file PATH | --edit | --clear]",
    ),
    Command(
        "reminder",
        "show or set the text added to each message when it is sent",
        budget.reminder,
        usage="[text | --clear]",
        complete=budget.complete_reminder,
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
        values.set_value,
        ("params",),
        "[key [value]]",
        complete=values.complete_set,
    ),
    *(
        _of_setting(setting)
        for setting in SETTINGS
        if setting.has_command and setting.key not in _OWN_ROWS
    ),
    Command(
        "logprobs",
        find_setting("logprobs").help,
        certainty.logprobs,
        usage="[on | off | show [N] | default]",
        complete=certainty.complete_logprobs,
        is_setting=True,
    ),
    Command(
        "context",
        "every message, its tokens, and whether it is sent",
        context.context,
        ("tokens",),
        "[--json]",
        complete=context.complete_context,
        at_once=True,
    ),
    Command(
        "compact",
        "summarise what no longer fits",
        budget.compact,
        usage="[hint | --undo]",
        complete=budget.complete_compact,
    ),
    Command("pin", "always send a turn", conversation.pin, usage="N"),
    Command("unpin", "no longer pin a turn", conversation.unpin, usage="N"),
    Command("drop", "take a turn out of what is sent", conversation.drop, usage="N"),
    Command("undrop", "send a dropped turn again", conversation.undrop, usage="N"),
    Command(
        "cost",
        "tokens and money: last answer, session, day, month",
        budget.cost,
        ("usage",),
        at_once=True,
    ),
    Command(
        "info",
        "model, server, session, budget, last response",
        about.info,
        ("status",),
        at_once=True,
    ),
    Command(
        "request",
        "the request that would be sent, as JSON; with a text, that message in it",
        request.request,
        usage="[text]",
        at_once=True,
    ),
    Command("response", "the last response, as JSON", about.response, at_once=True),
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
        complete=compare.complete_asked,
    ),
    Command(
        "edit",
        "edit an earlier message and go on from there",
        branches.edit,
        usage="[N]",
        complete=branches.complete_edit,
    ),
    Command("continue", "finish an answer that was cut", conversation.continue_),
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
        compare.compare,
        usage="MODEL MODEL … | PROFILE:MODEL … | off",
        complete=compare.complete_compare,
    ),
    Command("tree", "the conversation's branches", branches.tree),
    Command("fork", "go on in a copy of this session", shelf.fork, usage="[name]"),
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
        takes_phrase=True,
    ),
    Command(
        "sessions",
        "list the saved sessions, the newest 20 or all, or those in the bin",
        sessions.sessions,
        usage="[filter] [--all] [--deleted]",
        complete=sessions.complete_list,
        at_once=True,
    ),
    Command("search", "search all sessions", shelf.search, usage="words", at_once=True),
    Command("rename", "name this session", shelf.rename, usage="name"),
    Command(
        "delete",
        "put a session in the bin, for 30 days",
        shelf.delete,
        usage="name or number",
        complete=sessions.complete_sessions,
        takes_phrase=True,
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
        shelf.import_,
        usage="FILE",
    ),
    Command(
        "copy",
        "copy the last answer, a message, code, or all",
        conversation.copy,
        usage="[last | N | code [N] | all]",
        complete=conversation.complete_copy,
        at_once=True,
    ),
    Command(
        "write",
        "write the last answer, or code of it, to a file",
        files.write,
        usage="FILE [code [N]]",
        complete=files.complete_write,
    ),
    Command(
        "file",
        "attach files, images or web pages to the next message",
        files.file,
        usage="[PATH or URL … | --clear]",
        complete=files.complete_file,
    ),
    Command("editor", "compose in $VISUAL or $EDITOR", conversation.editor, at_once=True),
    Command(
        "profile",
        "switch the server profile; local: the built-in model",
        server.profile,
        usage="[name | local | default]",
        complete=server.complete_profile,
    ),
    Command(
        "local",
        "talk to the built-in model",
        server.local,
        usage="[off]",
        complete=server.complete_local,
    ),
    Command("key", "type a key, unseen, for this run", server.key),
    Command(
        "debug",
        "write a log of requests, without keys and messages",
        log.debug,
        usage="[on | off]",
        complete=log.complete_debug,
        at_once=True,
    ),
)
