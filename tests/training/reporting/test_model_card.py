from __future__ import annotations

import dataclasses

from training.config import Distortion, Federation
from training.privacy.record import PrivacyRecord
from training.reporting.model_card import model_card
from training.reporting.results import RunResults


def test_the_card_gives_the_figures_that_were_measured(results: RunResults) -> None:
    text = model_card(results)
    assert text.startswith("# tiny, version 1\n")
    assert f"**{results.evaluation.accuracy:.2%}**".replace("%", " %") in text
    assert "On 1,000 MNIST test digits" in text
    assert f"{len(results.exported.graph):,} bytes" in text
    assert "111,146" in text
    assert "110,912" in text
    assert "| channels of the layers but the last | 128, 64, 32 |" in text
    assert "CC BY-SA 3.0" in text


def test_the_card_says_why_training_lies_below_validation_only_where_it_does(results: RunResults) -> None:
    assert "measured on distorted digits" in model_card(results)
    plain = dataclasses.replace(results, config=dataclasses.replace(results.config, distortion=None))
    assert "distorted digits" not in model_card(plain)
    assert "| distortion | none |" in model_card(plain)


def test_the_card_names_the_distortion_of_the_config(results: RunResults) -> None:
    other = dataclasses.replace(results.config, distortion=Distortion(rotation=31))
    assert "rotation ±31°" in model_card(dataclasses.replace(results, config=other))


def test_a_model_not_evaluated_on_test_sets_has_none_in_its_card(results: RunResults) -> None:
    assert "Robustness" not in model_card(results)


def test_the_card_of_a_federated_run_with_noise_says_what_it_guarantees(results: RunResults) -> None:
    record = PrivacyRecord(4.6, 1e-4, 1.0, 1.0, 0.1, 60, "accountant", "1", protected="each client")
    federated = Federation(clip=1.0, noise_multiplier=1.0)
    config = dataclasses.replace(results.config, federated=federated)
    text = model_card(dataclasses.replace(results, config=config, privacy=record))
    assert "| epsilon, delta | 4.6, 0.0001 |" in text
    assert "| protected | each client |" in text
    assert "Only validation is shown" in text
