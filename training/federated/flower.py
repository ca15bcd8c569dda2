"""The clients as processes, which Flower connects with the server by gRPC. Runs in Flower's own environment.

federate -> FlowerClients.train -> Flower's server -> gRPC -> Flower's client in another process -> LocalTrainer

This uses Flower's start_server and start_client, which Flower calls deprecated. What it recommends instead, SuperLink
and SuperNode, starts a new process for every message: each would load TensorFlow and compile the step in every round.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from training.config import TrainConfig
from training.datasets.mnist import Digits, Split, load_mnist
from training.errors import TrainingError
from training.federated.client import LocalTrainer, Update, Weights
from training.federated.partition import partition
from training.federated.rounds import federate, federation_of

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"  # read when Flower is imported: nothing is reported to anyone

from flwr.client import NumPyClient, start_client  # after the setting that it reads
from flwr.common import FitIns, GetPropertiesIns, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server import History, Server, ServerConfig, SimpleClientManager, start_server

START_SECONDS = 600  # for all clients to connect: each loads TensorFlow
ROUND_SECONDS = 3600  # for the slowest client of a round
STOP_SECONDS = 30  # for a client to end after the last round


def federate_with_flower(config: TrainConfig, data: Split, run: Path, data_dir: Path | None) -> None:
    """`federate`, with each client as a process. This process is the server.

    Raises as `federate`, and `TrainingError` if a client ends or does not answer.
    """
    quieten()
    address = f"127.0.0.1:{free_port()}"
    server = RoundServer(config, data, run)
    with client_processes(config, address, data_dir) as processes:
        server.processes = processes
        start_server(server_address=address, server=server, config=ServerConfig(num_rounds=config.epochs))
    if server.error:
        raise server.error


class RoundServer(Server):  # type: ignore[misc]  # Flower is not installed where types are checked
    """Flower's server, with our rounds in place of its own: the same code runs with and without Flower."""

    def __init__(self, config: TrainConfig, data: Split, run: Path) -> None:
        super().__init__(client_manager=SimpleClientManager())
        self.config = config
        self.data = data
        self.run = run
        self.processes: Sequence[subprocess.Popen[bytes]] = ()
        self.error: Exception | None = None

    def fit(self, num_rounds: int, timeout: float | None) -> tuple[Any, float]:
        """Called by `start_server`, which ends the clients afterwards, and would lose an error on its way."""
        try:
            federate(self.config, self.data, self.run, self.connect())
        except Exception as error:  # noqa: BLE001  # raised again by `federate_with_flower`
            self.error = error
        return History(), 0.0

    def connect(self) -> FlowerClients:
        """Waits for all clients. Raises `TrainingError`."""
        count, manager = federation_of(self.config).clients, self.client_manager()
        for _ in range(START_SECONDS):
            if manager.wait_for(count, timeout=1):
                return FlowerClients(list(manager.all().values()))
            if any(process.poll() is not None for process in self.processes):
                raise TrainingError("a client has ended before the first round: see what it printed")
        raise TrainingError(f"only {manager.num_available()} of {count} clients connected in {START_SECONDS} s")


class FlowerClients:
    """Flower's connections to the clients. They train at the same time."""

    def __init__(self, proxies: Sequence[Any]) -> None:
        question = GetPropertiesIns(config={})
        numbers = [proxy.get_properties(question, ROUND_SECONDS, None).properties["client"] for proxy in proxies]
        self.proxies = dict(zip(numbers, proxies, strict=True))  # a client's number says which digits it has

    def train(self, weights: Weights, round_: int, chosen: Sequence[int]) -> list[Update]:
        """Raises `TrainingError` if a client fails."""
        instruction = FitIns(parameters=ndarrays_to_parameters(weights), config={"round": round_})

        def ask(client: int) -> Update:
            try:
                answer = self.proxies[client].fit(instruction, ROUND_SECONDS, None)
            except Exception as error:
                raise TrainingError(
                    f"client {client} has not answered in round {round_}: see what it printed"
                ) from error
            metrics = answer.metrics
            return Update(
                parameters_to_ndarrays(answer.parameters), answer.num_examples, metrics["loss"], metrics["accuracy"]
            )

        with ThreadPoolExecutor(max(1, len(chosen))) as threads:
            return list(threads.map(ask, chosen))


class FlowerClient(NumPyClient):  # type: ignore[misc]  # Flower is not installed where types are checked
    """One client, in its own process, with its own digits."""

    def __init__(self, config: TrainConfig, number: int, digits: Digits) -> None:
        self.trainer = LocalTrainer(config)
        self.number = number
        self.digits = digits

    def get_properties(self, config: dict[str, Any]) -> dict[str, int]:
        return {"client": self.number}

    def fit(self, parameters: Weights, config: dict[str, Any]) -> tuple[Weights, int, dict[str, float]]:
        update = self.trainer.train(parameters, self.digits, config["round"], self.number)
        return update.weights, update.digits, {"loss": update.loss, "accuracy": update.accuracy}


# --- the processes ---


@contextlib.contextmanager
def client_processes(
    config: TrainConfig, address: str, data_dir: Path | None
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A process for each client. None outlives the block."""
    folder = data_dir or Path(os.environ.get("MNIST_DIR", ""))
    arguments = [sys.executable, "-m", "training.federated.flower", address, json.dumps(config.to_dict()), str(folder)]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(federation_of(config).clients):
            processes.append(subprocess.Popen([*arguments, str(number)], stdin=subprocess.DEVNULL))  # noqa: PERF401  # a failing start leaves the others in the list
        yield processes
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run_client(arguments: Sequence[str]) -> None:
    """The program of a client's process."""
    quieten()
    address, values, folder, number = arguments
    config = TrainConfig.from_dict(json.loads(values))
    digits = load_mnist(Path(folder) if folder != "." else None).train
    # A real client has no other digits; here each takes its own from the same files.
    own = digits[partition(digits.labels, federation_of(config))[int(number)]]
    client = FlowerClient(config, int(number), own).to_client()
    start_client(server_address=address, client=client, insecure=True, max_wait_time=START_SECONDS)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def quieten() -> None:
    """Flower's log says in every process that these functions are deprecated; the rounds have a progress bar."""
    logging.getLogger("flwr").setLevel(logging.ERROR)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run_client(sys.argv[1:])
