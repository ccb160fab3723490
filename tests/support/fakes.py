"""Fakes of the core's ports, scripted by the test."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from chatrepl.core.conversation.attachments import text_attachment
from chatrepl.core.errors import Fault, ModelError, UsageError
from chatrepl.core.events import (
    ChoiceFinished,
    ModelEvent,
    Progress,
    ResponseStarted,
    TextDelta,
    UsageReported,
)
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Usage
from chatrepl.core.ports.chat_model import ChatRequest, ModelInfo, Price, Server
from chatrepl.core.ports.remembered import Profile
from chatrepl.core.ports.system import ShellResult
from chatrepl.core.session import Session
from chatrepl.core.sessions.state import Ports
from chatrepl.core.settings.layers import Settings
from chatrepl.services.files.learned_facts import FileMemory, NoMemory
from chatrepl.services.store import SqliteStore

Step = ModelEvent | ModelError | asyncio.Event
"""An event to yield, an error to raise, or a gate to wait at."""

SERVER = Server("http://127.0.0.1:1/v1", origin="test")
CUT = ModelError("the connection broke", fault=Fault.CUT)


def answer(text: str, *, prompt_tokens: int | None = None) -> list[Step]:
    """Script a whole answer, a word at a time."""
    steps: list[Step] = [ResponseStarted("response-1", "test-model")]
    steps += [TextDelta(word + " ") for word in text.split(" ")[:-1]]
    steps += [TextDelta(text.split(" ")[-1]), ChoiceFinished("stop")]
    if prompt_tokens is not None:
        steps.append(UsageReported(Usage(prompt_tokens=prompt_tokens, completion_tokens=3)))
    return steps


def refused(parameter: str, **details: int | str) -> ModelError:
    """Return the error of a server that does not take a parameter."""
    return ModelError(
        f"{parameter} is refused",
        fault=Fault.PARAMETER_REFUSED,
        details={"parameter": parameter, **details},
    )


@dataclass
class ScriptedModel:
    """A model that plays its scripts in turn, and answers ``ok`` after the last."""

    scripts: list[Sequence[Step]] = field(default_factory=list)
    listed: Sequence[ModelInfo] = ()
    requests: list[ChatRequest] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    counted: list[ChatRequest] = field(default_factory=list)
    closed: int = 0

    async def stream(self, request: ChatRequest) -> AsyncIterator[ModelEvent]:
        self.requests.append(request)
        script = self.scripts.pop(0) if self.scripts else answer("ok")
        try:
            for step in script:
                match step:
                    case ModelError():
                        raise step
                    case asyncio.Event():
                        await step.wait()
                    case _:
                        yield step
        finally:
            self.closed += 1

    async def models(self, server: Server) -> Sequence[ModelInfo]:
        return self.listed

    async def count_tokens(self, request: ChatRequest) -> int | None:
        self.counted.append(request)
        return self.counts.pop(0) if self.counts else None

    async def warm_up(self) -> None:
        return

    async def close(self) -> None:
        return


@dataclass
class WordCounter:
    """A counter of words that records the texts it counted."""

    known: bool = True
    asked: list[str] = field(default_factory=list)

    def encoding_for(self, model: str) -> tuple[str, bool]:
        return "words", self.known

    async def prepare(self, encoding: str) -> None:
        return

    def count(self, text: str, encoding: str) -> int:
        self.asked.append(text)
        return len(text.split())

    def ids(self, text: str, encoding: str) -> Sequence[int]:
        return [len(word) for word in text.split()]


@dataclass
class FixedCatalog:
    """A catalogue of one window and one price for all models."""

    window: int | None = 8192
    one_price: Price | None = None

    async def prepare(self) -> None:
        return

    def context_window(self, model: str) -> int | None:
        return self.window

    def price(self, model: str) -> Price | None:
        return self.one_price

    def cost(self, model: str, usage: Usage) -> float | None:
        price = self.one_price
        if price is None:
            return None
        prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
        return (prompt * price.prompt + completion * price.completion) / 1_000_000


class NoLocalModel:
    """A built-in model that is never up."""

    name = "smollm2-135m-instruct"
    is_demo = True
    context_window = 8192

    async def prepare(self) -> AsyncIterator[Progress]:
        for progress in (Progress("fetching", 1, 1),):
            yield progress

    def server(self) -> Server:
        raise UsageError("not up")

    def is_fetched(self) -> bool:
        return False

    async def close(self) -> None:
        return


LOCAL_SERVER = Server("http://127.0.0.1:3/v1", origin="built-in model", is_local=True)


@dataclass
class StartedLocalModel(NoLocalModel):
    """A built-in model that comes up when it is prepared, or fails to."""

    error: ModelError | None = None
    is_up: bool = False

    async def prepare(self) -> AsyncIterator[Progress]:
        if self.is_up:
            return
        yield Progress("starting", 0, 1)
        if self.error is not None:
            raise self.error
        self.is_up = True

    def server(self) -> Server:
        if not self.is_up:
            raise UsageError("not up")
        return LOCAL_SERVER


@dataclass
class MemoryClipboard:
    """A clipboard in memory."""

    works: bool = True
    text: str = ""

    async def copy(self, text: str) -> bool:
        self.text = text
        return self.works


@dataclass
class MemoryFiles:
    """Files in a dictionary."""

    files: dict[str, str] = field(default_factory=dict)

    async def read(self, path: str) -> str:
        if path not in self.files:
            raise UsageError(f"cannot read {path}: no such file")
        return self.files[path]

    async def write(self, path: str, text: str, *, replace: bool = False) -> str:
        self.files[path] = text
        return path

    def names_file(self, path: str) -> bool:
        return path in self.files

    def is_file(self, path: str) -> bool:
        return path in self.files

    def matching(self, begun: str) -> Sequence[str]:
        return [path for path in self.files if path.startswith(begun)]


@dataclass
class MemoryRoles:
    """Roles in a dictionary."""

    texts: dict[str, str] = field(default_factory=dict)

    def names(self) -> Sequence[str]:
        return sorted(self.texts)

    async def read(self, name: str) -> str:
        if name not in self.texts:
            raise UsageError(f"there is no role “{name}”")
        return self.texts[name]

    def place_of(self, path: str) -> str:
        return path

    async def write(self, name: str, text: str, *, replace: bool = False) -> str:
        if name in self.texts and not replace:
            raise UsageError(f"the role {name} is there already")
        self.texts[name] = text
        return name


@dataclass
class StepClock:
    """A clock that advances by one second at each reading."""

    ticks: int = 0

    def now(self) -> datetime:
        self.ticks += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.ticks)

    def monotonic(self) -> float:
        self.ticks += 1
        return float(self.ticks)


@dataclass
class ScriptedPerson:
    """A person with scripted answers; without one, no to a question and None for a text."""

    answers: list[str] = field(default_factory=list)
    says_yes: bool = False
    confirmed: list[str] = field(default_factory=list)
    """The questions for yes or no."""
    asked: list[tuple[str, bool]] = field(default_factory=list)
    """The questions for text, and whether the answer was to be hidden."""
    has_input_line: bool = True

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        self.confirmed.append(question)
        return self.says_yes

    async def ask_text(self, question: str, *, secret: bool = False) -> str | None:
        self.asked.append((question, secret))
        return self.answers.pop(0) if self.answers else None


@dataclass
class ListedProfiles:
    """Profiles in a dictionary; without a name, the world's own server."""

    server: Server | None = SERVER
    profiles: dict[str, Profile] = field(default_factory=dict)
    name: str | None = None

    def names(self) -> Sequence[str]:
        return list(self.profiles)

    def current(self) -> str | None:
        return self.name

    def address_and_model(self, name: str) -> tuple[str, str]:
        server = self.profiles[name].server
        return (server.base_url if server else "", str(self.profiles[name].values.get("model", "")))

    async def look_up(self, name: str | None) -> Profile:
        if name is None:
            return Profile(self.server, {}, "profile")
        if name not in self.profiles:
            raise UsageError(f"there is no profile “{name}”")
        return self.profiles[name]

    def select(self, name: str | None) -> None:
        self.name = name


@dataclass
class MemoryAttachments:
    """Attachments from files in a dictionary."""

    files: MemoryFiles

    async def load(self, place: str) -> Mapping[str, Json]:
        return text_attachment(place, await self.files.read(place))


@dataclass
class ScriptedShell:
    """A shell that ends every command with the same result."""

    result: ShellResult = field(default_factory=lambda: ShellResult(0))
    ran: list[tuple[str, bool]] = field(default_factory=list)

    async def run(self, command: str, *, capture: bool) -> ShellResult:
        self.ran.append((command, capture))
        return self.result


@dataclass
class SwitchedLog:
    """A debug log without a file."""

    path: str = "/state/debug.log"
    is_on: bool = False

    def start(self) -> None:
        self.is_on = True

    def stop(self) -> None:
        self.is_on = False


@dataclass
class World:
    """A session on fakes, and a real store in memory."""

    model: ScriptedModel = field(default_factory=ScriptedModel)
    counter: WordCounter = field(default_factory=WordCounter)
    catalog: FixedCatalog = field(default_factory=FixedCatalog)
    clipboard: MemoryClipboard = field(default_factory=MemoryClipboard)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    store: SqliteStore = field(default_factory=lambda: SqliteStore(None))
    server: Server | None = SERVER
    person: ScriptedPerson = field(default_factory=ScriptedPerson)
    profiles: ListedProfiles = field(default_factory=ListedProfiles)
    roles: MemoryRoles = field(default_factory=MemoryRoles)
    memory: NoMemory | FileMemory = field(default_factory=NoMemory)
    debug_log: SwitchedLog = field(default_factory=SwitchedLog)
    shell: ScriptedShell = field(default_factory=ScriptedShell)
    local: NoLocalModel = field(default_factory=NoLocalModel)
    values: Mapping[str, object] = field(default_factory=lambda: {"model": "test-model"})
    clock: StepClock = field(default_factory=StepClock)
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    def session(self) -> Session:
        """Build a session over this world."""
        from chatrepl.core.settings.layers import Layer

        settings = Settings().with_layer(Layer.FILE, dict(self.values), "configuration")  # type: ignore[arg-type]
        ports = Ports(
            model=self.model,
            store=self.store,
            counter=self.counter,
            catalog=self.catalog,
            local=self.local,
            clipboard=self.clipboard,
            files=self.files,
            person=self.person,
            clock=self.clock,
            html=lambda text: text,
            new_id=lambda: f"id{next(self.ids):06}",
            memory=self.memory,
            profiles=self.profiles,
            roles=self.roles,
            debug_log=self.debug_log,
            shell=self.shell,
            attachments=MemoryAttachments(self.files),
        )
        return Session(ports, settings, server=self.server)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Session]:
        """Build a session, and close the store at the end."""
        try:
            yield self.session()
        finally:
            await self.store.close()
