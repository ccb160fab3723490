"""The configuration's profiles, for switching servers during a conversation."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chatrepl.cli.arguments import Options
from chatrepl.cli.configure import checked_values, choose_server, find_profile, names_server
from chatrepl.core.ports.chat_model import Server
from chatrepl.core.ports.remembered import Profile
from chatrepl.services.files.configuration import Configuration


class ConfiguredProfiles:
    """The ``Profiles`` port over the configuration read at the start."""

    def __init__(
        self,
        options: Options,
        environment: Mapping[str, str],
        configuration: Configuration,
        current: str | None,
    ) -> None:
        self._options = options
        self._environment = environment
        self._configuration = configuration
        self._current = current

    def names(self) -> Sequence[str]:
        """Return the profiles' names, in the configuration's order."""
        return list(self._configuration.profiles)

    def current(self) -> str | None:
        """Return the name of the profile in force; None: none."""
        return self._current

    def address_and_model(self, name: str) -> tuple[str, str]:
        """Return a profile's address and model; empty: it names none."""
        fields = self._configuration.profiles[name]
        return str(fields.get("base_url", "")), str(fields.get("model", ""))

    def select(self, name: str | None) -> None:
        """Put a profile in force; None: none is."""
        self._current = name

    async def look_up(self, name: str | None) -> Profile:
        """Find a profile's server and key; None: without a profile. Raises ``UsageError``."""
        if name is None:
            return Profile(await self._find_server(None), {}, "profile")
        find_profile(name, self._configuration)
        values = checked_values(self._configuration, name)
        return Profile(await self._find_server(name), values, f"profile {name}")

    async def _find_server(self, name: str | None) -> Server | None:
        options = self._options
        if name is not None and names_server(self._configuration.profiles[name]):
            # The command, being newer, overrides the option.
            options = replace(options, base_url=None)
        stop = threading.Event()
        try:
            return await asyncio.to_thread(
                choose_server, options, self._environment, self._configuration, name, stop
            )
        finally:
            # A cancelled switch ends the key's command too.
            stop.set()
