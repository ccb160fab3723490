"""The selection of servers: the one in use, and the resolution of model names to servers.

A server with its key is chosen at the start or by a profile; the built-in model can take its place.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chatrepl.core.errors import ChatreplError, Fault, ModelError, UsageError
from chatrepl.core.events import Progress
from chatrepl.core.json_value import Json
from chatrepl.core.messages import SessionServer
from chatrepl.core.ports.chat_model import (
    Catalog,
    ChatModel,
    LocalModel,
    ModelInfo,
    Secret,
    Server,
)
from chatrepl.core.ports.remembered import Profile, Profiles
from chatrepl.core.servers.addresses import OPENAI_URL, host_of
from chatrepl.core.servers.model_directory import ModelDirectory
from chatrepl.core.servers.target import Candidate, Target, target_of
from chatrepl.core.settings.layers import Layer, Settings

OPENAI_MODEL = "gpt-4.1-mini"
LOCAL_DEFAULTS: Mapping[str, Json] = {"temperature": 0, "max_tokens": 512}
LOCAL_PROFILE = "local"
"""Names the built-in model where a profile is named, unless one of the user's is called so."""
_LONGEST_OPTIONAL_LIST_S = 3.0
_LOCAL_SERVER = Server("", origin="built-in model", is_local=True)
"""Placeholder for the built-in model's server until that is up."""
_UNREACHED_SERVER = Server("", origin="a server that could not be asked")


def is_local_profile(name: str, profiles: Sequence[str]) -> bool:
    """Return whether a profile's name means the built-in model; ``profiles`` are the user's own."""
    return name == LOCAL_PROFILE and name not in profiles


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """Origin of the run's server."""

    is_selected: bool = False
    """By an option or a command, so that no session's profile replaces it."""
    is_named: bool = False
    """The option or command named the server, not only a profile that leaves it open."""
    allows_change: bool = False
    """A session may go on at another host than before, unasked."""


@dataclass(frozen=True, slots=True)
class SelectedServer:
    """A server that is or can be put in use, with the profile that it is of."""

    profile: Profile | None
    """None: the built-in model."""
    name: str | None = None
    """The profile's name."""

    @property
    def host(self) -> str | None:
        """The host; empty for the built-in model; None: there is no server."""
        if self.profile is None:
            return ""
        server = self.profile.server
        return None if server is None else host_of(server.base_url)


class ServerSelection:
    """The server in use, and how models of it and of others are found by name.

    Settings are handed in; a switch returns them changed and applies nothing by itself.
    """

    def __init__(
        self,
        model: ChatModel,
        local: LocalModel,
        profiles: Profiles,
        catalog: Catalog,
        directory: ModelDirectory,
        server: Server | None,
    ) -> None:
        self.uses_local = False
        """The built-in model answers."""
        self.choice = ServerChoice()
        self._own: SelectedServer | None = None
        """The run's own server while a session's is in use."""
        self._model = model
        self._local = local
        self._profiles = profiles
        self._catalog = catalog
        self._directory = directory
        self._chosen = server
        self._typed_keys: dict[str, Secret] = {}
        """Keys typed for this run, by base URL."""
        self._window_queries: dict[str, asyncio.Task[bool]] = {}
        """Requests for a server's models that were made for an unknown window, by base URL."""
        self._profile_layer: tuple[Mapping[str, Json], str] = ({}, "profile")
        """The profile's values and origin while the built-in model's defaults replace them."""

    # The server in use.

    @property
    def current(self) -> Server | None:
        """The server in use; None while the built-in one is not up, or none is known."""
        if not self.uses_local:
            return self._chosen
        try:
            return self._local.server()
        except ChatreplError:
            return None

    def require(self) -> Server:
        """Return the server in use, or a placeholder for a built-in one that is not up yet.

        Raises ``UsageError`` where there is none.
        """
        server = self.current or (_LOCAL_SERVER if self.uses_local else None)
        if server is None:
            raise self._no_server()
        return server

    def _no_server(self) -> UsageError:
        if self.uses_local:
            return UsageError(
                "the built-in model is not up yet", "it starts with your first message"
            )
        return UsageError(
            "there is no server to talk to",
            "set OPENAI_API_KEY, --base-url or --local; in a conversation also /key, /local",
        )

    def use_local(self, settings: Settings) -> Settings:
        """Switch to the built-in model; return the settings with its defaults."""
        if not self.uses_local:
            self._profile_layer = (
                settings.values_of(Layer.PROFILE),
                settings.origin_of(Layer.PROFILE),
            )
        self.uses_local = True
        self._directory.set_current(self._local_models())
        return self._with_local_defaults(settings)

    def leave_local(self, settings: Settings) -> Settings:
        """Switch back to the server that was chosen before the built-in model."""
        self.uses_local = False
        self._forget_models()
        return settings.with_layer(Layer.PROFILE, *self._profile_layer)

    def use_profile(self, settings: Settings, profile: Profile) -> Settings:
        """Switch to a profile's server; a model chosen for the old one no longer holds."""
        self.uses_local = False
        self._forget_models()
        self._chosen = self._with_typed_key(profile.server)
        return _settings_with(settings, profile)

    def mark_named(self) -> None:
        """Record that a command named the server in use: no session replaces it any more."""
        self.choice = replace(self.choice, is_selected=True, is_named=True)

    def selected(self, settings: Settings) -> SelectedServer:
        """Return the server in use, with its profile."""
        name = self._profiles.current()
        if self.uses_local:
            return SelectedServer(None, name)
        values, origin = settings.values_of(Layer.PROFILE), settings.origin_of(Layer.PROFILE)
        return SelectedServer(Profile(self._chosen, values, origin), name)

    def own(self, settings: Settings) -> SelectedServer:
        """Return the run's own server, be it in use or replaced by a session's."""
        return self._own or self.selected(settings)

    def use_session_server(self, settings: Settings, selected: SelectedServer) -> Settings:
        """Switch to the server of a session; the models chosen for it hold."""
        own = self.own(settings)
        self._own = None if selected == own else own
        if selected == self.selected(settings):
            return settings
        if selected.profile is None:
            # What /local off goes back to is the run's own, not an earlier session's.
            return self.use_local(self._put_in_use(settings, own))
        return self._put_in_use(settings, selected)

    def _put_in_use(self, settings: Settings, selected: SelectedServer) -> Settings:
        profile = selected.profile
        if profile is None:
            return settings
        self.uses_local = False
        self._forget_models()
        self._chosen = self._with_typed_key(profile.server)
        self._profiles.select(selected.name)
        return settings.with_layer(Layer.PROFILE, profile.values, profile.origin)

    def to_compare(self) -> SessionServer | None:
        """Return what a session keeps of the server in use; None: there is none."""
        if self.uses_local:
            return SessionServer("")
        if self._chosen is None:
            return None
        return SessionServer(host_of(self._chosen.base_url), self._profiles.current())

    def _forget_models(self) -> None:
        self._directory.set_current(())
        self._window_queries = {}

    def use_key(self, key: Secret) -> None:
        """Take a key for the server in use, for this run; without a server, for OpenAI's."""
        server = self._chosen or Server(OPENAI_URL, origin="/key", is_openai=True)
        self._typed_keys[server.base_url] = key
        self._chosen = self._with_typed_key(server)

    def _with_typed_key(self, server: Server | None) -> Server | None:
        if server is None or server.base_url not in self._typed_keys:
            return server
        return replace(server, api_key=self._typed_keys[server.base_url], key_origin="/key")

    # The built-in model.

    async def prepare_local(self, names: Sequence[str] = ()) -> AsyncIterator[Progress]:
        """Bring up the built-in model where it is in use or among these names, with progress."""
        is_named = any(self._names_local(name) for name in names)
        if is_named or (self.uses_local and self.current is None):
            async for progress in self._local.prepare():
                yield progress
        if self.uses_local:
            self._directory.set_current(self._local_models())

    def _names_local(self, name: str) -> bool:
        """Return whether ``profile:model`` means the built-in model."""
        profile, colon, _ = name.partition(":")
        return bool(colon) and is_local_profile(profile, self._profiles.names())

    def _local_models(self) -> list[ModelInfo]:
        return [ModelInfo(self._local.name, "local", context_window=self._local.context_window)]

    def _with_local_defaults(self, settings: Settings) -> Settings:
        defaults = LOCAL_DEFAULTS if self._local.is_demo else {}
        return settings.with_layer(Layer.PROFILE, defaults, "built-in model")

    # Models, listed by the server in use.

    def model_name(self, settings: Settings) -> str | None:
        """Return the model in force without a request; None: the server must list its models."""
        if self.uses_local:
            return self._local.name
        chosen = settings.text("model")
        if chosen:
            return chosen
        if self._chosen is not None and self._chosen.is_openai:
            return OPENAI_MODEL
        return next(iter(self._directory.current), None)

    async def _require_model(self, settings: Settings) -> str:
        """Return the model in force; may ask the server for its models, once."""
        name = self.model_name(settings)
        if name is None:
            await self.list_models()
            name = self.model_name(settings)
        if name is None:
            raise UsageError(
                f"the server at {self.require().base_url} lists no models",
                "choose one by /model NAME",
            )
        return name

    async def list_models(self) -> Sequence[ModelInfo]:
        """Ask the server in use for its models.

        Raises ``ModelError``, and ``UsageError`` without a server.
        """
        server = self.current
        if server is None:
            raise self._no_server()
        try:
            models = await self._model.models(server)
        except ModelError as error:
            if error.fault is not Fault.NOT_FOUND:
                raise
            raise ModelError(
                f"{host_of(server.base_url)} lists no models",
                "name one by /model NAME or -m NAME, or check base_url",
                fault=Fault.NOT_FOUND,
                details=error.details,
            ) from None
        await self._record_models(server, models)
        return models

    async def _record_models(self, server: Server, models: Sequence[ModelInfo]) -> None:
        """Record what a server listed; meanwhile it may have been left for another."""
        if self.current is not None and self.current.base_url == server.base_url:
            self._directory.set_current(models)
        await self._directory.remember(server, models)

    def known_models(self) -> Sequence[str]:
        """Return the names that the server in use listed in this run, else in an earlier one."""
        return self._directory.names(self.current)

    async def query_window(self, server: Server) -> bool:
        """Ask the server in use for its models, once, as some report their windows.

        Return whether it listed any. A server that does not answer is no error: a guess will do.
        """
        is_other = server is not self.current or server.is_local or server.is_openai
        query = self._window_queries.get(server.base_url)
        if is_other or self._directory.current or (query and query.done()):
            return False
        if query is None:
            query = asyncio.create_task(self._list_in_time(server))
            self._window_queries[server.base_url] = query
        # One caller may be stopped while others still wait for the same answer.
        return await asyncio.shield(query)

    async def _list_in_time(self, server: Server) -> bool:
        models = await self._models_in_time(server)
        if models:
            await self._record_models(server, models)
        return bool(models)

    async def _models_in_time(self, server: Server) -> Sequence[ModelInfo]:
        """List models where they only help: of a server that fails or is slow, none."""
        try:
            async with asyncio.timeout(_LONGEST_OPTIONAL_LIST_S):
                return await self._model.models(server)
        except (ModelError, TimeoutError):
            return ()

    # Models found by name, of any server.

    async def target(self, settings: Settings, now: datetime) -> Target:
        """Return the server in use with the model in force; may ask it for its models, once.

        Raises ``UsageError``, and ``ModelError`` where the server must be asked and fails.
        """
        server = self.require()
        model = await self._require_model(settings)
        return target_of(settings, server, model, now, is_local=self.uses_local)

    async def candidates(
        self, settings: Settings, now: datetime, names: Sequence[str] = ()
    ) -> list[Candidate]:
        """Resolve the models to ask: those of these names, else the one in force.

        Of several names, one that cannot be resolved keeps its place, with its error. Raises as
        ``resolve`` does where there is only one.
        """
        if not names:
            target = await self.target(settings, now)
            return [Candidate(target, settings, settings.integer("n") or 1)]
        if len(names) == 1:
            return [await self.resolve(names[0], settings, now)]
        return [await self._resolve_or_error(name, settings, now) for name in names]

    async def resolve(self, name: str, settings: Settings, now: datetime) -> Candidate:
        """Resolve a model of the server in use, or ``profile:model`` (``profile:``) of another.

        Raises ``UsageError``, and ``ModelError`` where a server must be asked and fails.
        """
        profile, colon, model = name.partition(":")
        if self._names_local(name):
            return self._resolve_local(model, settings, now)
        if colon and profile in self._profiles.names():
            loaded = await self._profiles.look_up(profile)
            return await self._resolve_in_profile(loaded, model, settings, now)
        if self.uses_local and name != self._local.name:
            raise UsageError(
                f"the built-in model is the only one here, not {name}",
                "PROFILE:MODEL asks another server's, /local off goes back to the server",
            )
        return Candidate(replace(await self.target(settings, now), model=name), settings)

    async def _resolve_or_error(self, name: str, settings: Settings, now: datetime) -> Candidate:
        try:
            return await self.resolve(name, settings, now)
        except ChatreplError as error:
            target = target_of(settings, _UNREACHED_SERVER, name, now)
            return Candidate(target, settings, error=error)

    def _resolve_local(self, model: str, settings: Settings, now: datetime) -> Candidate:
        """Resolve the built-in model, be it in use or not."""
        name = self._local.name
        if model not in ("", name):
            raise UsageError(f"the built-in model is {name}, not {model}", f"{LOCAL_PROFILE}:")
        try:
            server = self._local.server()
        except ChatreplError:
            server = _LOCAL_SERVER
        self._directory.set_other(server, self._local_models())
        settings = without_model(self._with_local_defaults(settings))
        return Candidate(target_of(settings, server, name, now, is_local=True), settings)

    async def _resolve_in_profile(
        self, profile: Profile, model: str, settings: Settings, now: datetime
    ) -> Candidate:
        """Resolve a model, "" for the profile's own, of a profile that is not switched to.

        Asks the server for its models, once, where the model or its window is not known.
        """
        await self._catalog.prepare()
        server = self._with_typed_key(profile.server)
        if server is None:
            raise UsageError(f"the {profile.origin} names no server", "give it a base_url")
        settings = _settings_with(settings, profile)
        name = model or settings.text("model") or (OPENAI_MODEL if server.is_openai else "")
        if not name or not self._knows_window(settings, name):
            await self._list_other(server, is_needed=not name)
        name = name or next(iter(self._directory.of_other(server) or ()), "")
        if not name:
            raise UsageError(f"{host_of(server.base_url)} lists no models", "name one of its own")
        return Candidate(target_of(settings, server, name, now), settings)

    def _knows_window(self, settings: Settings, model: str) -> bool:
        """Return whether a model's window is known without its server."""
        return bool(settings.integer("context_window") or self._catalog.context_window(model))

    async def _list_other(self, server: Server, *, is_needed: bool) -> None:
        if self._directory.of_other(server) is None:
            listing = self._model.models if is_needed else self._models_in_time
            self._directory.set_other(server, await listing(server))


def _settings_with(settings: Settings, profile: Profile) -> Settings:
    """Return the settings that hold with a profile; a model chosen for another does not."""
    return without_model(settings.with_layer(Layer.PROFILE, profile.values, profile.origin))


def without_model(settings: Settings, *, is_stored: bool = False) -> Settings:
    """Return the settings without a model that was chosen for another server.

    ``is_stored``: only without the one that a session brought along.
    """
    chosen_now = () if is_stored else (Layer.COMMAND, Layer.OPTION)
    return settings.without("model", *chosen_now, Layer.SESSION, Layer.ROLE)
