"""From MNIST's digits to the files by which the service reads lines: the network of signs and the decoder's weights."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from app.inference.session import Model
from app.repository.manifest import read_version
from app.segmentation.decoding.kinds import Network, load
from app.segmentation.decoding.weights import to_json
from training.datasets.mnist import load_mnist
from training.files import atomic_path, write_atomically
from training.line_decoding.fitting import adjusted, fit_weights
from training.line_decoding.lattices import labelled_lines
from training.line_decoding.network import save_network, train_network
from training.line_decoding.samples import aligned_samples, join, line_sources, written_samples

FIRST_SHARE = 3  # the network that aligns pages is trained for so many times fewer epochs


class DecoderConfig(NamedTuple):
    lines: int  # that the network learns from
    pages: int  # that it learns from beside them
    epochs: int
    fitted_lines: int  # that the weights are fitted to, beside pages and sheets
    seed: int
    start: Path | None = None  # a kinds.npz to train further


def make_decoder(data_dir: Path | None, version: Path, config: DecoderConfig, out: Path) -> None:
    """Writes kinds.npz and weights.json into `out` when both are complete: they only fit each other.

    `version`: of the model that reads the digits.
    """
    network = make_network(data_dir, version, config)
    sources, model = line_sources(load_mnist(data_dir).validation), Model(read_version(version)[1].float32, "cpu")
    *_, weights = fit_weights(labelled_lines(sources, config.fitted_lines, model, network, config.seed))
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(out / "kinds.npz") as part:
        save_network(network, part)
    write_atomically(to_json(adjusted(weights)), out / "weights.json")
    print(f"written: {out}/kinds.npz and weights.json")


def make_network(data_dir: Path | None, version: Path, config: DecoderConfig) -> Network:
    """A first network, trained on written lines alone, finds the signs on the pages that the second learns from too.

    If there is a network to train further, it is both.
    """
    written = written_samples(data_dir, config.lines, config.seed)
    print(f"{len(written.labels)} segments of {config.lines} lines")
    with TemporaryDirectory() as folder:
        first = config.start or Path(folder) / "kinds.npz"
        if config.start is None:
            save_network(train_network(written, max(1, config.epochs // FIRST_SHARE), config.seed), first)
        pages = aligned_samples(data_dir, version, first, config.pages, config.seed)
    print(f"{len(pages.labels)} segments of {config.pages} pages")
    start = load(config.start) if config.start else None
    return train_network(join([written, pages]), config.epochs, config.seed, start)
