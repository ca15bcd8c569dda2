from __future__ import annotations

import pytest

# Every kind of step, in the least time: dropout, batch normalisation and mixed precision as the real networks have.
SMALL_RECIPE = """
name: small
steps:
  - name: teacher
    train: {preset: digits-teacher, fold: 1/2, arch: mlp, epochs: 2, warmup_epochs: 0, batch_size: 50, dropout: 0.1}
  - name: pictures
    dataset: {digits: 2, near: 2, sent: 0, plain: 1, pictures: 3, validation: 1, shard_size: 100, seed: 5, judged: 0}
    from: [teacher]
  - name: first
    train: &student {preset: digits, name: small, epochs: 3, epoch_size: 300, batch_size: 50, ema_momentum: 0.5}
    from: [pictures]
  - name: further
    train: {<<: *student, seed: 1, epochs: 2}
    from: [pictures, first]
  - name: mean
    average: {}
    from: [first, further]
  - name: best
    prefer: {}
    from: [mean, first, pictures]
  - name: version
    publish: {}
    from: [best]
"""


@pytest.fixture
def small_recipe() -> str:
    return SMALL_RECIPE
