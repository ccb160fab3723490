"""What JSON can hold: the type of settings, parameters and request bodies."""

__all__ = ["Json"]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
