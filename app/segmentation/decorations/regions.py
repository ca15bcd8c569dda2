"""Parts of a page that are looked at one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from app.arrays import Mask
from app.observability.request_context import check_deadline
from app.preprocessing.components import Box, label_components

MOST_AREA = 4  # areas of the page: components within each other are not looked through one by one

Slices = tuple[slice, slice]


class Region(NamedTuple):
    """A part of the page, and a mask of it."""

    within: Slices
    mask: Mask


def components_of(page: Mask, is_wanted: Callable[[Box, int], bool]) -> Iterator[Region]:
    """The connected components whose box and area are wanted, with a free pixel on each side where the page has one."""
    _, labels, stats, _ = label_components(page)
    unseen = MOST_AREA * page.size  # pixels
    for label, (left, top, width, height, area) in enumerate(stats.tolist()):
        if label == 0 or not is_wanted(Box(left, top, left + width, top + height), area):
            continue
        unseen -= width * height
        if unseen < 0:
            return
        check_deadline()
        within = slice(max(0, top - 1), top + height + 1), slice(max(0, left - 1), left + width + 1)
        yield Region(within, np.where(labels[within] == label, np.uint8(255), np.uint8(0)))
