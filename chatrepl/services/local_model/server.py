"""Serve a model on loopback, as a process of its own: ``python -P server.py MODEL CONTEXT NAME``.

Prints its address and its context window when it is ready, and ends when its input closes: when
its parent says so, or is gone, whichever way. The key comes in the environment variable
``CHATREPL_LOCAL_KEY``. Run by its path, it imports nothing of the program.
"""

import http.client
import json
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
    address = server.listening_address
    os.write(1, f"{address} {_window(address)}\n".encode())
    sys.stdin.buffer.read()
    # Leaving the usual way would wait for an answer that is still on its way.
    os._exit(0)


def _window(address: str) -> int:
    """Return the tokens of context that there are: no more than the model was trained for."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    key = os.environ["CHATREPL_LOCAL_KEY"]
    connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
    about = json.loads(connection.getresponse().read())["data"][0]["meta"]
    connection.close()
    return min(int(about["n_ctx"]), int(about["n_ctx_train"]))


if __name__ == "__main__":
    main(*sys.argv[1:4])
