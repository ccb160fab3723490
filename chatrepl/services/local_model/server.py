"""Serve a model on loopback, as a process of its own: ``python -m …server MODEL CONTEXT NAME``.

Prints the address when it is ready, and ends when its input closes: when its parent says so, or is
gone, whichever way. The key comes in the environment variable ``CHATREPL_LOCAL_KEY``.
"""

import os
import sys

__all__ = ["main"]

_SLOTS = 4


def main(model: str, context_tokens: str, name: str) -> None:
    """Serve until the input closes."""
    # Threads that spin while they wait starve everything else on a small machine; libgomp reads
    # this once, when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.model_alias = {name}
    parameters.n_ctx = int(context_tokens)
    parameters.n_parallel = _SLOTS
    parameters.kv_unified = True
    threads = max(1, (os.cpu_count() or 2) // 2)
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.verbosity = 0
    parameters.api_keys = [os.environ["CHATREPL_LOCAL_KEY"]]
    parameters.ui = False
    parameters.sse_ping_interval = 1
    server = xllamacpp.Server(parameters)
    os.write(1, f"{server.listening_address}\n".encode())
    sys.stdin.buffer.read()
    # Leaving the usual way would wait for an answer that is still on its way.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:4])
