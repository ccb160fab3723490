"""The state of a session: its settings, conversation, database record, and pending notices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chatrepl.core.context.planner import Planner
from chatrepl.core.conversation.attachments import Attachment, unmentioned
from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import Marks, Message, SearchHit, SessionRecord, SessionServer
from chatrepl.core.ports.chat_model import Catalog, ChatModel, LocalModel, Server, TokenCounter
from chatrepl.core.ports.remembered import Memory, Profiles, Roles
from chatrepl.core.ports.storage import LoadedSession, Store
from chatrepl.core.ports.system import Attachments, Clipboard, Clock, DebugLog, Files, Person, Shell
from chatrepl.core.servers.model_directory import ModelDirectory
from chatrepl.core.servers.selection import ServerSelection
from chatrepl.core.servers.target import Candidate, Target
from chatrepl.core.sessions.autosave import Autosave
from chatrepl.core.sessions.imports import ForeignLogs
from chatrepl.core.settings.layers import Settings
from chatrepl.core.text.excerpts import title_of

_KNOWN_SESSIONS = 500


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world: everything that the core asks of it."""

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
    """Conversations of another program, for ``/import``; None: there is no reader."""


class SessionState:
    """The state of a session. Every move of its head ends up in its record."""

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
        """The session's row in the database; None: nothing is saved yet."""
        self.last_server: SessionServer | None = None
        """The server that the session last used, or that a command chose for it."""
        self._first_name: str | None = None
        """The name that the session gets when it is first saved."""
        self.planner = Planner(ports.counter, ports.catalog, ports.memory, self.model_directory)
        self.autosave = Autosave(ports.store)
        self.undone: list[str] = []
        """Heads that ``/redo`` goes back to."""
        self.disk_store: Store | None = None
        """The store on disk of a run that stays off it, until ``/save`` begins to use it."""
        self.known_sessions: Sequence[tuple[str, str]] = ()
        """Names (or short ids) and titles of the newest sessions, for completion."""
        self.listed: Sequence[str | SearchHit] = ()
        """The rows of the last numbered list: ids of sessions, or places that a search found."""
        self.pending: Sequence[Attachment] = ()
        """Attached to the next message."""
        self._returned: Sequence[Attachment] = ()
        """Those of ``pending`` that came back with the text of a message."""
        self._failed: Message | None = None
        """The message whose text came back because no answer came."""

    # Names and numbers.

    @property
    def name(self) -> str | None:
        """The session's name; before it is first saved, the name that it will get."""
        return self._first_name if self.record is None else self.record.name

    @name.setter
    def name(self, name: str | None) -> None:
        if self.record is None:
            self._first_name = name
        else:
            self.record = replace(self.record, name=name)

    def listed_at(self, number: str) -> str | SearchHit | None:
        """Return a row of the last numbered list; None: that is no row's number."""
        if number.isdecimal() and 1 <= int(number[:9]) <= len(self.listed):
            return self.listed[int(number) - 1]
        return None

    async def list_known(self) -> None:
        """Refresh ``known_sessions``. Raises ``StoreError``."""
        listed = [
            summary
            for store in self.stores
            for summary in await store.sessions(limit=_KNOWN_SESSIONS)
        ]
        self.known_sessions = [
            (summary.name or summary.id[:8], summary.title) for summary in listed
        ]

    # Models.

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

    # Messages.

    def settle(self, message: Message) -> None:
        """Put a message's end state into the conversation; the head stays."""
        if message.role == "user":
            self.conversation.set_state(message.id, message.state)
            self._failed = message
            self.reattach(message)
        else:
            self.conversation.add(message, move_head=False)

    def reattach(self, question: Message) -> None:
        """Attach again what went with a message whose text returns, but for ``@path`` in it."""
        self.detach_returned()
        self._returned = unmentioned(question)
        self.pending = (*self.pending, *self._returned)

    def detach_returned(self) -> None:
        """Detach what came back with a message: the message stands after all."""
        self.pending = tuple(one for one in self.pending if one not in self._returned)
        self._returned = ()

    # Stores.

    @property
    def stores(self) -> Sequence[Store]:
        """The stores to search: of a run that stays off the disk, the one on disk too."""
        first = self.ports.store
        return (first,) if self.disk_store is None else (first, self.disk_store)

    def take_notices(self) -> list[Notice]:
        """Return the pending notices of the store and of saving, each once."""
        warnings, notices = self.ports.store.warnings, self.autosave.notices
        taken = [Notice(text, Level.WARNING) for text in warnings] + list(notices)
        warnings.clear()
        notices.clear()
        return taken

    def move_head(self, head: str | None) -> SessionRecord:
        """Move the head; return the record as it is now, a new one at first."""
        if self.conversation.head != head:
            self.conversation.head = head
        now = self.ports.clock.now()
        old = self.record or SessionRecord(self.ports.new_id(), "", now, now, self._first_name)
        self.record = replace(
            old,
            title=old.title or title_of(self.conversation.path),
            head=head,
            updated=now,
            settings=self.settings.for_session(),
            server=self.last_server,
        )
        return self.record

    def keep_server(self) -> None:
        """Keep the server in use with the session; it is written with the next save."""
        self.last_server = self.servers.to_compare() or self.last_server

    async def save_head(self, head: str | None) -> None:
        """Move the head, on disk too where there is a session yet."""
        self.conversation.head = head
        await self.save_settings()

    async def save_settings(self) -> None:
        """Save the settings with the session, where there is one yet."""
        if self.record is not None:
            await self.autosave.save(self.move_head(self.conversation.head))

    async def set_marks(self, marks: Marks) -> None:
        """Set the pins and drops, on disk too where there is a session yet."""
        self.conversation.marks = marks
        if self.record is not None:
            await self.autosave.set_marks(self.move_head(self.conversation.head), marks)

    async def save_counts(self) -> None:
        """Save the token counts made since the last call; a later run need not make them."""
        await self.autosave.set_counts(self.planner.counts.take_fresh())

    # Other conversations.

    def switch_to(self, conversation: Conversation) -> None:
        """Switch to another conversation; what could be redone was of the old one."""
        self.conversation = conversation
        self.undone.clear()
        self._failed = None

    def start_new(self, name: str | None = None) -> None:
        """Begin a new conversation; settings stay. The old one stays on disk."""
        self.autosave.leave(self.conversation, is_created=False)
        self.switch_to(Conversation())
        self.record = None
        self.last_server = None
        self._first_name = name

    def open(self, loaded: LoadedSession) -> None:
        """Go on with a session that was loaded from the disk."""
        self.start_new()
        self.record = loaded.record
        self.last_server = loaded.record.server
        self.conversation = Conversation(loaded.messages, loaded.record.head, loaded.marks)
        self.planner.counts.remember(loaded.counts)
        self.autosave.leave(self.conversation, is_created=True)
        self.settings = self.settings.for_other_session(loaded.record.settings)
