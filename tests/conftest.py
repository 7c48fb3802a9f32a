"""What every test is held to: it leaves the engine's global state as it found it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from tests.support.global_state import global_state
from tests.support.overwriting import ops_that_borrow

STATE = pytest.StashKey[dict[str, Any]]()


# Hooks, because an autouse fixture costs as much as many of the tests themselves
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[STATE] = global_state()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    before, after = item.stash[STATE], global_state()
    assert after == before, f"leaked: {[name for name in before if before[name] != after[name]]}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; a test that asks for it is skipped where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on the PATH (apt-get install chromium)")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


# The same suite once more, under other conditions -------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--threads", type=int, default=1, help="run every test in so many threads at once")
    parser.addoption("--no-skips", action="store_true", help="a test that is skipped has failed: all it needs is there")
    parser.addoption("--mpi", action="append", default=[], help="a Python that has mpi4py and an MPI: run ranks by it")
    parser.addoption("--overwrite", action="store_true", help="overwrite every bare array after the op it is given to")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """With --overwrite ops get copies of bare arrays, which are filled with rubbish as soon as the op returns."""
    with ops_that_borrow() if item.config.getoption("--overwrite") else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With --no-skips a test that is skipped has failed."""
    report = yield
    if report.skipped and item.config.getoption("--no-skips"):
        report.outcome = "failed"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """So has a whole file of them."""
    report = yield
    if report.skipped and collector.config.getoption("--no-skips"):
        report.outcome = "failed"
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """With --threads every test runs in so many threads at once; ``alone`` marks those that change what all share."""
    threads: int = pyfuncitem.config.getoption("--threads")
    if threads == 1 or pyfuncitem.get_closest_marker("alone"):
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    together, interval = Barrier(threads), sys.getswitchinterval()

    def one_of_many(_: int) -> None:
        together.wait(timeout=60)
        pyfuncitem.obj(**given)

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one_of_many, range(threads)))
    finally:
        sys.setswitchinterval(interval)
    return True
