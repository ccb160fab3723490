"""Who answers: a server with its key, chosen at the start or by a profile; or the demo model."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from chatrepl.core.context.planner import Planner
from chatrepl.core.errors import ChatreplError, Fault, ModelError, UsageError
from chatrepl.core.events import Progress
from chatrepl.core.messages import Json
from chatrepl.core.ports.chat_model import ChatModel, LocalModel, ModelInfo, Secret, Server
from chatrepl.core.ports.remembered import Memory, Profile
from chatrepl.core.servers.addresses import OPENAI_URL, host_of
from chatrepl.core.settings.layers import Layer, Settings

__all__ = ["LOCAL_DEFAULTS", "LOCAL_PROFILE", "ServerSelection", "is_local_profile"]

OPENAI_MODEL = "gpt-4.1-mini"
LOCAL_DEFAULTS: Mapping[str, Json] = {"temperature": 0, "max_tokens": 512}
LOCAL_PROFILE = "local"
"""Names the built-in model where a profile is named, unless one of the user's is called so."""
_TOPIC = "models"
_MOST_REMEMBERED = 1000
_LONGEST_FOR_HELP_S = 3.0
_LOCAL_SERVER = Server("", origin="built-in model", is_local=True)
"""Stands for the built-in model's server until that is up."""


def is_local_profile(name: str, profiles: Sequence[str]) -> bool:
    """Say whether a profile's name means the built-in model; ``profiles`` are the user's own."""
    return name == LOCAL_PROFILE and name not in profiles


class ServerSelection:
    """The server in use. What a switch changes in the settings is returned, not applied."""

    def __init__(
        self,
        model: ChatModel,
        local: LocalModel,
        planner: Planner,
        memory: Memory,
        server: Server | None,
    ) -> None:
        self.uses_local = False
        self._model = model
        self._local = local
        self._planner = planner
        self._memory = memory
        self._remembered: Mapping[str, Json] = {}
        self._chosen = server
        self._typed_keys: dict[str, Secret] = {}
        self._asking: dict[str, asyncio.Task[bool]] = {}
        """Servers that were asked for their models because a window was not known."""
        self._aside: tuple[Mapping[str, Json], str] = ({}, "profile")
        """The profile's values while the built-in model's defaults stand in their place."""

    @property
    def server(self) -> Server | None:
        """The server in use; None while the built-in one is not up, or none is known."""
        if not self.uses_local:
            return self._chosen
        try:
            return self._local.server()
        except ChatreplError:
            return None

    def need(self) -> Server:
        """Return the server, or what stands for one that is still to come up.

        Raises ``UsageError`` where there is none.
        """
        server = self.server or (_LOCAL_SERVER if self.uses_local else None)
        if server is None:
            raise UsageError(*self._no_server())
        return server

    def use_local(self, settings: Settings) -> Settings:
        """Talk to the built-in model from now on."""
        if not self.uses_local:
            self._aside = settings.values_of(Layer.PROFILE), settings.origin_of(Layer.PROFILE)
        self.uses_local = True
        self._list_local()
        return self._with_local_defaults(settings)

    def _with_local_defaults(self, settings: Settings) -> Settings:
        defaults = LOCAL_DEFAULTS if self._local.is_demo else {}
        return settings.with_layer(Layer.PROFILE, defaults, "built-in model")

    def leave_local(self, settings: Settings) -> Settings:
        """Talk to the server again that was chosen before the built-in model."""
        self.uses_local = False
        self._forget_models()
        return settings.with_layer(Layer.PROFILE, *self._aside)

    def use_profile(self, settings: Settings, profile: Profile) -> Settings:
        """Talk to a profile's server; a model that was chosen for the old one no longer holds."""
        self.uses_local = False
        self._forget_models()
        self._chosen = self._with_typed_key(profile.server)
        return _settings_with(settings, profile)

    def _forget_models(self) -> None:
        self._planner.models = {}
        self._asking = {}

    async def elsewhere(
        self, settings: Settings, profile: Profile, model: str
    ) -> tuple[Server, str, Settings]:
        """Find out who answers by a profile that is not switched to: its model, or one of its own.

        Asks the server for its models, once, where the model or its window is not known. Raises
        ``UsageError``, and ``ModelError`` where no model is known.
        """
        server = self._with_typed_key(profile.server)
        if server is None:
            raise UsageError(f"the {profile.origin} names no server", "give it a base_url")
        settings = _settings_with(settings, profile)
        named = model or settings.text("model") or (OPENAI_MODEL if server.is_openai else "")
        if not named or not self._planner.knows_window(settings, named):
            await self._list_elsewhere(server, is_needed=not named)
        named = named or next(iter(self._planner.elsewhere.get(server.base_url, {})), "")
        if not named:
            raise UsageError(f"{host_of(server.base_url)} lists no models", "name one of its own")
        return server, named, settings

    def local_elsewhere(self, settings: Settings, model: str) -> tuple[Server, str, Settings]:
        """Find out who answers as the built-in model, be it the one in use or not."""
        name = self._local.name
        if model not in ("", name):
            raise UsageError(f"the built-in model is {name}, not {model}", f"{LOCAL_PROFILE}:")
        try:
            server = self._local.server()
        except ChatreplError:
            server = _LOCAL_SERVER
        self._planner.elsewhere[server.base_url] = self._local_models()
        return server, name, _without_model(self._with_local_defaults(settings))

    async def _list_elsewhere(self, server: Server, *, is_needed: bool) -> None:
        listed = self._planner.elsewhere
        if server.base_url in listed:
            return
        models = await (self._model.models(server) if is_needed else self._models_in_time(server))
        listed[server.base_url] = {model.id: model for model in models}

    async def _models_in_time(self, server: Server) -> Sequence[ModelInfo]:
        """Ask for models where they only help: a server that fails, or is slow, lists none."""
        try:
            async with asyncio.timeout(_LONGEST_FOR_HELP_S):
                return await self._model.models(server)
        except (ModelError, TimeoutError):
            return ()

    def use_key(self, key: Secret) -> Server:
        """Take a key for the server in use, for this run; without a server, for OpenAI's."""
        server = self._chosen or Server(OPENAI_URL, origin="/key", is_openai=True)
        self._typed_keys[server.base_url] = key
        self._chosen = self._with_typed_key(server)
        assert self._chosen is not None
        return self._chosen

    def _with_typed_key(self, server: Server | None) -> Server | None:
        if server is None or server.base_url not in self._typed_keys:
            return server
        return replace(server, api_key=self._typed_keys[server.base_url], key_origin="/key")

    def model_name(self, settings: Settings) -> str | None:
        """Return the model in force without asking anybody; None: the server must be asked."""
        if self.uses_local:
            return self._local.name
        chosen = settings.text("model")
        if chosen:
            return chosen
        if self._chosen is not None and self._chosen.is_openai:
            return OPENAI_MODEL
        return next(iter(self._planner.models), None)

    async def models(self) -> Sequence[ModelInfo]:
        """Ask the server what it offers. Raises ``ModelError``, ``UsageError`` without a server."""
        server = self.server
        if server is None:
            raise UsageError(*self._no_server())
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
        await self._take(server, models)
        return models

    async def _take(self, server: Server, models: Sequence[ModelInfo]) -> None:
        """Keep what a server listed; meanwhile it may have been left for another."""
        if self.server is not None and self.server.base_url == server.base_url:
            self._planner.models = {model.id: model for model in models}
        names: Json = [model.id for model in models[:_MOST_REMEMBERED]]
        await self._memory.remember(_TOPIC, server.base_url, names)

    async def record_window(self, server: Server) -> bool:
        """Ask the server in use for its models, once, as some tell their windows.

        Return whether it listed any. That it does not answer is no error: a guess will do.
        """
        is_other = server is not self.server or server.is_local or server.is_openai
        asking = self._asking.get(server.base_url)
        if is_other or self._planner.models or (asking and asking.done()):
            return False
        if asking is None:
            work = self._list_in_time(server)
            asking = self._asking[server.base_url] = asyncio.create_task(work)
        # Who waits may be stopped; others may wait, too.
        return await asyncio.shield(asking)

    async def _list_in_time(self, server: Server) -> bool:
        models = await self._models_in_time(server)
        if models:
            await self._take(server, models)
        return bool(models)

    async def recall(self) -> None:
        """Read what servers listed in earlier runs, for completion."""
        self._remembered = await self._memory.recall(_TOPIC)

    def known_models(self) -> Sequence[str]:
        """Name the models that the server listed in this run, else in an earlier one."""
        if self._planner.models or self.server is None:
            return list(self._planner.models)
        names = self._remembered.get(self.server.base_url)
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    async def need_model(self, settings: Settings) -> str:
        """Return the model in force; may ask the server for its models, once."""
        name = self.model_name(settings)
        if name is None:
            await self.models()
            name = self.model_name(settings)
        if name is None:
            raise UsageError(
                f"the server at {self.need().base_url} lists no models",
                "choose one by /model NAME",
            )
        return name

    async def prepare_local(self, *, is_asked: bool = False) -> AsyncIterator[Progress]:
        """Bring up the built-in model where it is used, or asked by name, yielding progress."""
        if is_asked or (self.uses_local and self.server is None):
            async for progress in self._local.prepare():
                yield progress
        if self.uses_local:
            self._list_local()

    def _list_local(self) -> None:
        self._planner.models = self._local_models()

    def _local_models(self) -> dict[str, ModelInfo]:
        name = self._local.name
        return {name: ModelInfo(name, "local", context_window=self._local.context_window)}

    def _no_server(self) -> tuple[str, str]:
        if self.uses_local:
            return "the built-in model is not up yet", "it starts with your first message"
        return (
            "there is no server to talk to",
            "set OPENAI_API_KEY, --base-url or --local; in a conversation also /key, /local",
        )


def _settings_with(settings: Settings, profile: Profile) -> Settings:
    """Return what holds with a profile; a model chosen for another server does not."""
    return _without_model(settings.with_layer(Layer.PROFILE, profile.values, profile.origin))


def _without_model(settings: Settings) -> Settings:
    return settings.without("model", Layer.COMMAND, Layer.OPTION, Layer.SESSION, Layer.ROLE)
