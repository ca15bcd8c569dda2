"""Our explanations rank the cells as shap does; wrong ones would be found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from app.arrays import Images, Probabilities
from app.inference.explanation import Explanation, Predict, explain
from app.inference.session import Model
from app.repository.version_folders import newest_version
from training.audit import explanations
from training.audit.explanations import Agreement, Game, compare_explanations, import_shap, rank_correlation
from training.datasets.mnist import Digits
from training.errors import DataError


@pytest.fixture(scope="module")
def model(models: Path) -> Model:
    return Model((newest_version(models, "digits-mlp") / "model.onnx").read_bytes(), "cpu")


@pytest.fixture(scope="module")
def agreement(model: Model, test_digits: Digits) -> Agreement:
    return compare_explanations(model, test_digits.images[:6], shap_samples=1024)


def test_explanations_rank_cells_as_shap_does(agreement: Agreement) -> None:
    assert agreement.with_shap > 0.85
    assert agreement.shap_with_itself > 0.9
    assert agreement.with_shap_interval[0] < agreement.with_shap < agreement.with_shap_interval[1]
    assert 0.3 < agreement.with_lime <= 1


def test_explanations_name_the_cells_that_decide(agreement: Agreement) -> None:
    (deletion, insertion), (random_deletion, random_insertion) = (
        agreement.curves[method].areas for method in ("ours", "random")
    )
    assert deletion < random_deletion - 0.1
    assert insertion > random_insertion + 0.05


def test_wrong_explanations_would_be_found(model: Model, test_digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    """With rows and columns exchanged."""

    async def explain_transposed(predict: Predict, images: Images) -> tuple[Probabilities, list[Explanation]]:
        probabilities, (explanation,) = await explain(predict, images)
        return probabilities, [dataclasses.replace(explanation, attributions=explanation.attributions.T)]

    monkeypatch.setattr(explanations, "explain", explain_transposed)
    wrong = compare_explanations(model, test_digits.images[:4], shap_samples=256)
    assert wrong.with_shap < 0.7


def test_game_of_all_cells_is_the_image_and_of_none_empty_paper(model: Model, test_digits: Digits) -> None:
    image = test_digits.images[0]
    game = Game(model, image, 7)
    players = len(game.players)
    both = game.probabilities(np.array([[True] * players, [False] * players]))
    assert both == pytest.approx(model.run(np.stack([image, np.zeros_like(image)])), abs=1e-6)


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shap", None)
    with pytest.raises(DataError, match="pip install shap"):
        import_shap()


def test_rank_correlation_is_of_the_order_alone() -> None:
    assert rank_correlation(np.array([1.0, 2, 30]), np.array([-5.0, 0, 1])) == pytest.approx(1)
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)
    assert rank_correlation(np.array([1.0]), np.array([3.0])) == 1
