"""Configurations to start from, and the one by which a published version is adapted."""

from __future__ import annotations

from typing import Any

from training.config import Distortion, Federation, Options, Privacy, TrainConfig

SLIGHT_DISTORTION = Distortion(
    rotation=10.0, scale=0.1, shear=0.1, shift=1.0, elastic_alpha=(5.0, 15.0), elastic_sigma=(4.0, 6.0)
)

# Ten clients, who send and receive 39,562 weights in each round. The digits are distorted slightly, since a client sees
# few of them, and seldom.
FEDERATED = TrainConfig(
    name="digits-federated",
    arch="cnn-small",
    epochs=40,
    batch_size=64,
    learning_rate=0.05,
    weight_decay=0.0,
    label_smoothing=0.0,
    ema_momentum=0.0,
    keep="last",
    distortion=SLIGHT_DISTORTION,
    federated=Federation(
        local_steps=36, local_loss="adjusted", strategy="fedavgm", server_momentum=0.7, server_rate=0.5
    ),
)

# How a published version learns a user's own pictures: in minutes, and beside what others write and send.
FOLDS = 5  # of the cross-validation
ADAPTATION: dict[str, Any] = {
    "seed": 0,
    "epochs": 3,
    "batch_size": 256,
    "optimizer": "adamw",
    "learning_rate": 5e-4,
    "schedule": "cosine",
    "warmup_epochs": 0,
    "label_smoothing": 0.0,
    "bank": "",
    "bank_parts": ("own:8", "near:25", "plain:7", "pictures:60"),
    "epoch_size": 16_384,
    "moved": 1,
    "mean_of": (),
    # After 192 steps more than half of the average is still the version's own weights, so that others lose less.
    # Source: Wortsman et al., Robust fine-tuning of zero-shot models, 2022.
    "ema_momentum": 0.997,
    "keep": "last",
    "patience": 3,
    "distortion": None,
    "distribute": "none",
    "mixed_precision": False,
    "federated": None,
    "privacy": None,  # what is adapted has no guarantee any more
    "fold": "",
}


# How a network with fewer channels learns again, by its own recipe otherwise.
PRUNING: dict[str, Any] = {
    "epochs": 8,
    "learning_rate": 1e-3,
    "warmup_epochs": 1,
    "keep": "last",
    "mean_of": (),
    "own_pictures": "",
    "distribute": "none",
}

# The default teachers are the versions in the repository. They themselves learnt from versions 1, 3, 4 and 5, which are
# in git's history: git show <revision>:models/digits/5/model.onnx > teacher.onnx, then --teachers teacher.onnx.
TEACHERS = tuple(f"models/digits/{version}/model.onnx" for version in (6, 7))

# Of every private preset.
PRIVATE: dict[str, Any] = {
    "optimizer": "sgd",
    "warmup_epochs": 0,
    "label_smoothing": 0.0,
    "keep": "last",
}

PRESETS = {
    # Distillation: pictures of every kind, and distorted digits with the soft targets of the teachers.
    "digits": TrainConfig(
        arch="cnn-strided",
        options=Options(batch_normalization=True, dropout=0.2, rejects=True),
        epochs=80,
        batch_size=256,
        label_smoothing=0.0,
        bank="runs/bank",
        bank_parts=("digits:12", "near:40", "plain:8", "pictures:40"),
        keep="last",
        patience=80,
        distortion=None,
        mixed_precision=True,
    ),
    # MNIST's digits and labels only, distorted anew each epoch: a first teacher, where there is none.
    # Without label smoothing the loss rises while the mistakes get fewer, so the last epoch is kept, not the best loss.
    "digits-teacher": TrainConfig(
        name="digits-teacher",
        arch="cnn-wide",
        options=Options(batch_normalization=True, dropout=0.4),
        epochs=30,
        label_smoothing=0.0,
        keep="last",
    ),
    # Distillation into a small network: slightly distorted digits, too many to be learnt by heart.
    "digits-mlp": TrainConfig(
        name="digits-mlp",
        arch="mlp",
        epochs=120,
        batch_size=512,
        label_smoothing=0.0,
        bank="runs/bank",
        bank_parts=("near:3", "sent:1"),
        epoch_size=500_000,
        moved=0,
        keep="last",
        patience=120,
        distortion=None,
    ),
    # The tutorial's recipe, repaired: Adam, ten epochs, standardised pixels, no distortion.
    "textbook": TrainConfig(
        name="digits-textbook",
        arch="mlp",
        epochs=10,
        batch_size=64,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="constant",
        label_smoothing=0.0,
        keep="last",
        ema_momentum=0.0,
        distortion=None,
        standardise=True,
    ),
    # Differential privacy: features of public characters, and one dense layer that learns from all digits in each step.
    "private": TrainConfig(
        name="digits-private",
        arch="cnn-strided",
        options=Options(batch_normalization=True),
        epochs=100,
        batch_size=55_000,
        learning_rate=10.0,
        ema_momentum=0.9,
        distortion=None,
        privacy=Privacy(),
        **PRIVATE,
    ),
    # Differential privacy for all layers of the textbook's network, from random weights.
    # tanh instead of relu, after Papernot et al., Tempered sigmoid activations for deep learning with differential
    # privacy, 2021: bounded activations bound the gradients, so clipping changes them less. The mean gradient over
    # distorted copies is clipped, after De et al., 2022: the network generalises better under the same noise.
    "private-mlp": TrainConfig(
        name="digits-private-mlp",
        arch="mlp",
        options=Options(activation="tanh"),
        epochs=45,
        batch_size=2_750,
        learning_rate=8.0,
        schedule="constant",
        ema_momentum=0.995,
        distortion=SLIGHT_DISTORTION,
        privacy=Privacy(clipping_norm=0.1),
        **PRIVATE,
    ),
}
