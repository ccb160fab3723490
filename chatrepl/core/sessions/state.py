"""The conversation of a session and its place on disk: the head, the record, what to tell of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from chatrepl.core.context.planner import Planner
from chatrepl.core.conversation.attachments import unmentioned
from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import Json, Message, SearchHit, SessionRecord
from chatrepl.core.ports.chat_model import Catalog, ChatModel, LocalModel, Server, TokenCounter
from chatrepl.core.ports.remembered import Memory, Profiles, Roles
from chatrepl.core.ports.storage import Store
from chatrepl.core.ports.system import Attachments, Clipboard, Clock, DebugLog, Files, Person, Shell
from chatrepl.core.servers.model_directory import ModelDirectory
from chatrepl.core.servers.selection import ServerSelection
from chatrepl.core.servers.target import Candidate, Target
from chatrepl.core.sessions.autosave import Autosave
from chatrepl.core.sessions.imports import ForeignLogs
from chatrepl.core.settings.layers import Settings
from chatrepl.core.text.excerpts import title_of

__all__ = ["Ports", "SessionState"]

_KNOWN_SESSIONS = 500


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world, passed in."""

    model: ChatModel
    store: Store
    counter: TokenCounter
    catalog: Catalog
    local: LocalModel
    clipboard: Clipboard
    files: Files
    person: Person
    clock: Clock
    html: Callable[[str], str]
    """Turns Markdown into safe HTML."""
    new_id: Callable[[], str]
    profiles: Profiles
    memory: Memory
    roles: Roles
    debug_log: DebugLog
    attachments: Attachments
    shell: Shell
    logs: ForeignLogs | None = None
    """Another program's conversations, for ``/import``."""


class SessionState:
    """What a session keeps, and where: every move of the head ends up in its record."""

    def __init__(
        self, ports: Ports, settings: Settings, server: Server | None, *, uses_local: bool = False
    ) -> None:
        self.ports = ports
        self.model_directory = ModelDirectory(ports.memory)
        self.servers = ServerSelection(
            ports.model, ports.local, ports.profiles, ports.catalog, self.model_directory, server
        )
        self.settings = self.servers.use_local(settings) if uses_local else settings
        self.conversation = Conversation()
        self.record: SessionRecord | None = None
        self.name: str | None = None
        """The name that the session gets when it is first saved."""
        self.planner = Planner(ports.counter, ports.catalog, ports.memory, self.model_directory)
        self.autosave = Autosave(ports.store)
        self.undone: list[str] = []
        """Heads that ``/redo`` goes back to."""
        self.disk_store: Store | None = None
        """Where ``/save`` begins to keep a run that stayed off the disk."""
        self.known_sessions: Sequence[tuple[str, str]] = ()
        """Names (or short ids) and titles of the newest sessions, for completion."""
        self.listed: Sequence[str | SearchHit] = ()
        """What the last numbered list showed: ids of sessions, or places that a search found."""
        self._failed: Message | None = None
        self.pending: Sequence[Mapping[str, Json]] = ()
        """What is attached to the next message."""
        self._returned: Sequence[Mapping[str, Json]] = ()

    def model_name(self) -> str | None:
        """Return the model in force without a request; None: the server must list its models."""
        return self.servers.model_name(self.settings)

    async def target(self) -> Target:
        """Return the target in force, ready to be counted for; may list the server's models.

        Raises ``UsageError`` without a server, and ``ModelError``.
        """
        target = await self.servers.target(self.settings, self.ports.clock.now())
        await self.planner.prepare(self.settings, target.model)
        return target

    async def candidates(self, names: Sequence[str] = ()) -> list[Candidate]:
        """Resolve the models to ask: those of these names, else the one in force."""
        return await self.servers.candidates(self.settings, self.ports.clock.now(), names)

    def listed_at(self, number: str) -> str | SearchHit | None:
        """Return what a row of the last numbered list stands for; None: that is no row's number."""
        if number.isdecimal() and 1 <= int(number[:9]) <= len(self.listed):
            return self.listed[int(number) - 1]
        return None

    def take_back(self, question: Message) -> None:
        """Attach again what went with a message whose text returns; ``@path`` does it by itself."""
        self.let_go()
        self._returned = unmentioned(question)
        self.pending = (*self.pending, *self._returned)

    def settle(self, message: Message) -> None:
        """Put a message's end state into the conversation; the head stays."""
        if message.role == "user":
            self.conversation.set_state(message.id, message.state)
            self._failed = message
            self.take_back(message)
        else:
            self.conversation.add(message, move_head=False)

    def let_go(self) -> None:
        """Take off what came back with a text: the message it belongs to stands after all."""
        self.pending = tuple(one for one in self.pending if one not in self._returned)
        self._returned = ()

    @property
    def stores(self) -> Sequence[Store]:
        """Where to look for sessions: beside a run that stays off the disk, on the disk too."""
        return (
            (self.ports.store,) if self.disk_store is None else (self.ports.store, self.disk_store)
        )

    def take_notices(self) -> list[Notice]:
        """Return what the disk has to tell."""
        warnings, notices = self.ports.store.warnings, self.autosave.notices
        told = [Notice(text, Level.WARNING) for text in warnings] + list(notices)
        warnings.clear()
        notices.clear()
        return told

    def move_head(self, head: str | None) -> SessionRecord:
        """Move the head, and return the session's record as it is now; a new one at first."""
        if self.conversation.head != head:
            self.conversation.head = head
        now = self.ports.clock.now()
        if self.record is None:
            title = title_of(self.conversation.path)
            self.record = SessionRecord(self.ports.new_id(), title, now, now, name=self.name)
        self.record = replace(
            self.record,
            title=self.record.title or title_of(self.conversation.path),
            head=head,
            updated=now,
            name=self.name,
            settings=self.settings.for_session(),
        )
        return self.record

    async def save_head(self, head: str | None) -> None:
        """Move the head, on disk too where there is a session yet."""
        self.conversation.head = head
        await self.save_settings()

    async def save_settings(self) -> None:
        """Keep the settings with the session, where there is one yet."""
        if self.record is not None:
            await self.autosave.save(self.move_head(self.conversation.head))

    async def save_counts(self) -> None:
        """Save token counts made since the last call, for a later run."""
        await self.autosave.set_counts(self.planner.counts.take_fresh())

    def go_on_with(self, conversation: Conversation) -> None:
        """Turn to another conversation; steps that could be redone were steps in the old one."""
        self.conversation = conversation
        self.undone.clear()
        self._failed = None

    def start_new(self, name: str | None = None) -> None:
        """Begin a new conversation; settings stay. The old one stays on disk."""
        self.autosave.leave(self.conversation, is_created=False)
        self.go_on_with(Conversation())
        self.record = None
        self.name = name

    async def open(self, session_id: str) -> Sequence[str]:
        """Go on with a session on disk; returns the ids of answers a crash had cut short."""
        loaded = await self.ports.store.load(session_id)
        self.start_new(loaded.record.name)
        self.record = loaded.record
        self.conversation = Conversation(loaded.messages, loaded.record.head, loaded.marks)
        self.planner.counts.remember(loaded.counts)
        self.autosave.leave(self.conversation, is_created=True)
        self.settings = self.settings.for_other_session(loaded.record.settings)
        return loaded.recovered

    async def list_known(self) -> None:
        """Remember the newest sessions' names for completion."""
        listed = [
            one for store in self.stores for one in await store.sessions(limit=_KNOWN_SESSIONS)
        ]
        self.known_sessions = [
            (summary.name or summary.id[:8], summary.title) for summary in listed
        ]
