"""The configuration's profiles, for switching servers in mid-conversation."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chatrepl.cli.arguments import Options
from chatrepl.cli.configure import checked_values, choose_server, find_profile, names_server
from chatrepl.core.ports.chat_model import Server
from chatrepl.core.ports.remembered import Profile
from chatrepl.services.files.configuration import Configuration

__all__ = ["ConfiguredProfiles"]


class ConfiguredProfiles:
    """Implements the core's ``Profiles`` over what was read at the start."""

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
        """List the profiles, in the configuration's order."""
        return list(self._configuration.profiles)

    def current(self) -> str | None:
        """Name the profile that was loaded last, at the start at first; None: none."""
        return self._current

    def address_and_model(self, name: str) -> tuple[str, str]:
        """Return the address and the model that a profile names; empty: it names none."""
        fields = self._configuration.profiles[name]
        return str(fields.get("base_url", "")), str(fields.get("model", ""))

    async def load(self, name: str | None) -> Profile:
        """Find a profile's server and key, off the event loop. Raises ``UsageError``."""
        if name is None:
            server = await self._find(None)
            self._current = None
            return Profile(server, {}, "profile")
        found = await self.look_up(name)
        self._current = name
        return found

    async def look_up(self, name: str) -> Profile:
        """Find a profile's server and key, and leave the current one. Raises ``UsageError``."""
        find_profile(name, self._configuration)
        values = checked_values(self._configuration, name)
        return Profile(await self._find(name), values, f"profile {name}")

    async def _find(self, name: str | None) -> Server | None:
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._server, name, stop)
        finally:
            # Whoever gives the switch up gives up the key's command too.
            stop.set()

    def _server(self, name: str | None, stop: threading.Event) -> Server | None:
        options = self._options
        if name is not None and names_server(self._configuration.profiles[name]):
            # The command is younger than the option.
            options = replace(options, base_url=None)
        return choose_server(options, self._environment, self._configuration, name, stop)
