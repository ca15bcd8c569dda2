"""Models take turns, and the machine is named with what it computes bytes with."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.arrays import Images, Probabilities
from app.inference.session import Model
from tests.support.constant_model import graph_of
from training.evaluation.speed import describe_cpu, run_seconds


def test_models_take_turns_and_each_has_its_fastest_run(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [Model(graph_of(digit), "cpu") for digit in (1, 2)]
    clock, order = 0.0, []
    # The first run allocates memory; one of no time was not measured.
    seconds = {0: iter([9, 3, 1, 0, *[5] * 100]), 1: iter([9, 4, 8, *[6] * 100])}

    for index, model in enumerate(models):

        def timed(images: Images, index: int = index, model: Model = model) -> Probabilities:
            nonlocal clock
            clock += next(seconds[index])
            order.append(index)
            return model.runner.run(images)

        monkeypatch.setattr(model, "run", timed)
    monkeypatch.setattr("app.inference.session.thread_clock", lambda: clock)
    assert run_seconds(models, 1000) == [1, 4]
    assert order == [0, 1] * 6


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("model name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512_vnni\n", "AMD EPYC (avx2, avx512_vnni)"),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp\n", "(asimddp)"),
        ("", "(instructions unknown)"),
    ],
    ids=["x86", "ARM", "no Linux"],
)
def test_cpu_is_described_with_its_instructions_for_bytes(
    text: str, described: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    if text:
        file.write_text(text)
    monkeypatch.setattr("training.evaluation.speed.CPU_INFO", file)
    assert describe_cpu().endswith(described)
