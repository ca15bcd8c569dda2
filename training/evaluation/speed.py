"""How fast graphs run on this machine's CPU: with one thread, in the class that serves them."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from app.inference.session import Model, fastest_seconds

IMAGES = 5_000  # that each graph runs for one figure, in turns with the others
CPU_INFO = Path("/proc/cpuinfo")
# Instructions that products of bytes are fast with, as Linux names them: of Intel and AMD, then of ARM.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")


def run_seconds(models: Sequence[Model], batch_size: int) -> list[float]:
    """The CPU seconds of each model's fastest run. The models take turns, so that what disturbs one disturbs all."""
    images = np.zeros((batch_size, 28, 28), np.uint8)
    runs = [partial(model.run, images) for model in models]
    for run in runs:
        run()  # allocates the memory
    turns = [[fastest_seconds(run, runs=1) for run in runs] for _ in range(IMAGES // batch_size)]
    # Some virtual machines' clocks stand still now and then: a run that took no time was not measured.
    return [min(second for second in seconds if second > 0) for seconds in zip(*turns, strict=True)]


def describe_cpu() -> str:
    """Its name, and those of `INSTRUCTIONS` that it has: "AMD EPYC (avx2, avx512f, avx512_vnni)"."""
    fields: dict[str, str] = {}
    if CPU_INFO.exists():  # on Linux
        for line in CPU_INFO.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    known = ", ".join(name for name in INSTRUCTIONS if name in flags)
    return f"{fields.get('model name', platform.machine())} ({known or 'instructions unknown'})"
