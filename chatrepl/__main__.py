"""The entry point of ``chatrepl`` and ``python -m chatrepl``."""

import signal
from typing import NoReturn


def run() -> NoReturn:
    """Import the program and run it; Ctrl+C during the import ends the process silently."""
    has_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if has_default:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from chatrepl.cli.main import run as run_loaded

    if has_default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run_loaded()


if __name__ == "__main__":
    run()
