"""What Keras has trained is what the service runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.segmentation.decoding import kinds
from app.segmentation.decoding.kinds import FEATURES, SIGNS
from training.line_decoding.network import save_network, train_network
from training.line_decoding.samples import Samples


def test_a_network_learns_and_is_the_same_from_its_file(tmp_path: Path) -> None:
    """Two kinds that differ in their first pixels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 1024) * (len(SIGNS) - 1)
    features = rng.normal(size=(1024, FEATURES)).astype(np.float32) * 0.1
    features[:, :200] += (labels > 0)[:, np.newaxis]
    network = train_network(Samples(features, labels), epochs=3, seed=0)
    probabilities = network.run(features)
    assert np.mean(probabilities.argmax(axis=1) == labels) > 0.95
    save_network(network, tmp_path / "kinds.npz")
    np.testing.assert_allclose(kinds.load(tmp_path / "kinds.npz").run(features), probabilities, atol=0.01)


def test_a_network_that_is_trained_further_begins_as_it_was() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 1024) * (len(SIGNS) - 1)
    features = rng.normal(size=(1024, FEATURES)).astype(np.float32) * 0.1
    features[:, :200] += (labels > 0)[:, np.newaxis]
    samples = Samples(features, labels)
    network = train_network(samples, epochs=3, seed=0)
    further = train_network(Samples(features[:256], labels[:256]), epochs=1, seed=1, start=network)
    np.testing.assert_allclose(further.run(features), network.run(features), atol=0.01)
