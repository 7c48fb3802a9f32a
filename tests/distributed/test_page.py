"""The page about several processes has the tables of the model that its script computes, and its picture."""

from __future__ import annotations

import runpy

import pytest

from tests.support.imports import ROOT

SCRIPT = runpy.run_path(str(ROOT / "docs" / "distributed.py"))


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "distributed.md").read_text("utf-8") == SCRIPT["page"](), "run python docs/distributed.py"


def test_the_picture_has_the_ranks_the_shards_and_the_sum() -> None:
    svg = (ROOT / "docs" / "images" / "ranks.svg").read_text("utf-8")
    for words in ("rank 0", "rank 1", "shard 3", "((g0 + g1) + g2) + g3", "the whole sum"):
        assert words in svg


def test_the_exchange_of_the_model_is_the_one_of_the_formula() -> None:
    """At H = 256, R = 4: n = 16 · 256 · 513 bytes; 6 + 4 messages, and 1.5 n bytes."""
    assert SCRIPT["gradient_bytes"](256) == 2_101_248
    assert SCRIPT["exchange"](256, 4) == pytest.approx(10 * 2e-6 + 1.5 * 2_101_248 * 0.08e-9)
    ratio = SCRIPT["exchange"](4096, 2) / SCRIPT["compute"](4096, 32)
    assert ratio == pytest.approx(4 / 3 * 0.08e-9 * 2e12 / (100 * 32) / 2, rel=1e-2)  # (R - 1) / R is a half
