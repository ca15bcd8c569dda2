from __future__ import annotations

import numpy as np
import pytest

from training.config import Options
from training.datasets.mnist import Digits
from training.networks.architectures import ARCHITECTURES, MLP_PARAMETERS, Standardisation, cnn, cnn_small, mlp

OPTION_SETS = {
    "sigmoid": Options(activation="sigmoid"),
    "tanh": Options(activation="tanh"),
    "dropout": Options(dropout=0.5),
    "batch normalisation": Options(batch_normalization=True),
    "l2": Options(l2=1e-3),
    "all": Options("tanh", 0.2, batch_normalization=True, l2=1e-4),
}


def test_the_mlp_has_the_parameters_of_the_textbooks_network() -> None:
    model = mlp(Options())
    assert model.count_params() == MLP_PARAMETERS == 111_146
    assert [weight.shape for weight in model.trainable_weights if len(weight.shape) == 2] == [
        (784, 128),
        (128, 64),
        (64, 32),
        (32, 10),
    ]


def test_the_cnn_is_under_a_megabyte_as_float32() -> None:
    assert 4 * cnn(Options(batch_normalization=True)).count_params() < 1_000_000


def test_the_small_cnn_has_few_weights_to_send() -> None:
    assert cnn_small(Options()).count_params() == 39_562


@pytest.mark.parametrize("arch", sorted(ARCHITECTURES))
@pytest.mark.parametrize("options", OPTION_SETS.values(), ids=OPTION_SETS)
def test_every_option_builds_a_network_from_images_to_ten_logits(
    arch: str, options: Options, test_digits: Digits
) -> None:
    model = ARCHITECTURES[arch].build(options, None, 10)
    logits = model(test_digits.images[:3]).numpy()
    assert logits.shape == (3, 10)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_options_change_the_network_and_are_not_only_accepted() -> None:
    def layer_types(options: Options) -> list[str]:
        return [type(layer).__name__ for layer in mlp(options).layers]

    assert layer_types(Options()).count("Dropout") == 0
    assert layer_types(Options(dropout=0.1)).count("Dropout") == 4
    assert layer_types(Options(batch_normalization=True)).count("BatchNormalization") == 3
    assert len(mlp(Options(l2=1e-3)).losses) == 3
    activations = [
        layer.activation.__name__ for layer in mlp(Options("tanh")).layers if layer.name[:10] == "activation"
    ]
    assert activations == ["tanh"] * 3


def test_standardised_digits_have_mean_zero_and_deviation_one(test_digits: Digits) -> None:
    images = test_digits.images[:1000]
    standardised = standardise(images, images)
    varying = images.reshape(1000, -1).std(axis=0) > 0
    assert np.allclose(standardised[:, varying].mean(axis=0), 0, atol=1e-3)
    assert np.allclose(standardised[:, varying].std(axis=0), 1, atol=1e-3)


def test_a_pixel_that_never_varies_stays_at_zero_for_any_image(test_digits: Digits) -> None:
    images = test_digits.images[:1000]
    constant = images.reshape(1000, -1).std(axis=0) == 0
    assert constant.any()
    standardised = standardise(images, np.full((1, 28, 28), 255, np.uint8))
    assert (standardised[:, constant] == 0).all()
    assert np.isfinite(standardised).all()


def standardise(training: np.ndarray, images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1).astype(np.float32) / 255
    result: np.ndarray = Standardisation.of(training).layer()(flat).numpy()
    return result


def test_standardisation_is_refused_by_the_cnn(test_digits: Digits) -> None:
    with pytest.raises(ValueError, match="mlp"):
        cnn(Options(), Standardisation.of(test_digits.images[:10]))
