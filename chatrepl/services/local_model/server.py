"""The child program that serves a model on loopback: ``python -P server.py MODEL CONTEXT NAME``.

Prints its address and its context window when it is ready. It ends when its standard input closes,
so also when its parent dies. The API key is in the environment variable ``CHATREPL_LOCAL_KEY``. It
is run by its path, and imports nothing of this package.
"""

import http.client
import json
import os
import sys

_SLOTS = 4
"""Requests that are answered at the same time; others wait."""


def main(model: str, context_tokens: str, name: str) -> None:
    """Serve until standard input closes.

    The context window may be smaller than ``context_tokens``: at most as trained for.
    """
    # Threads that spin while they wait starve everything else on a small machine. libgomp reads
    # this variable once, when it is loaded.
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
    address = server.listening_address
    os.write(1, f"{address} {_window(address)}\n".encode())
    sys.stdin.buffer.read()
    # A normal exit would wait for an answer that is still being generated.
    os._exit(0)


def _window(address: str) -> int:
    """Return the actual context window in tokens: at most what the model was trained for."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    key = os.environ["CHATREPL_LOCAL_KEY"]
    connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
    meta = json.loads(connection.getresponse().read())["data"][0]["meta"]
    connection.close()
    return min(int(meta["n_ctx"]), int(meta["n_ctx_train"]))


if __name__ == "__main__":
    main(*sys.argv[1:4])
