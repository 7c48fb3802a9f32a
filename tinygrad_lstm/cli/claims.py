"""The claims of the notes on the command line: a table that grows as they run, and a page with their pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from threadpoolctl import threadpool_limits

from tinygrad_lstm.cli.messages import DONE, FAILED, INTERRUPTED, make_writable, print_json, say
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.files import whole_file
from tinygrad_lstm.lab import Claim, Result, claims, report, sections
from tinygrad_lstm.lab.conditions import show


def run(which: Sequence[str], every: bool, seed: int, broken: str | None, out: Path | None, as_json: bool) -> int:
    """Run claims; returns the exit code."""
    console, chosen = Console(), choose(which, every, broken)
    if not chosen:
        if as_json:
            print_json([claim.id for claim in claims.values()])
        else:
            list_claims(console)
        return DONE
    if out is not None:
        make_writable(out, [report.PAGE])
    return _run(chosen, seed, broken, out, as_json, console)


def choose(which: Sequence[str], every: bool, broken: str | None) -> list[Claim]:
    """The claims of these ids, sections and topics, in the notes' order; those that have the broken variant."""
    named = {claim.id for word in which for claim in claims.about(word)}
    chosen = [claim for claim in claims.values() if every or claim.id in named]
    if broken is None:
        return chosen
    having = [claim for claim in chosen or claims.values() if broken in claim.broken]
    if not having:
        there = sorted({variant for claim in chosen or claims.values() for variant in claim.broken})
        raise ArgumentError(f"none of these claims has a broken variant {broken!r}; there are {', '.join(there)}")
    return having


def _run(
    chosen: Sequence[Claim], seed: int, broken: str | None, out: Path | None, as_json: bool, console: Console
) -> int:
    results: list[tuple[Result, str]] = []
    shown = Silent() if as_json else Rows(console) if console.is_terminal else Lines(console)
    started, code = time.perf_counter(), DONE
    try:
        with threadpool_limits(1), shown:
            for number, claim in enumerate(chosen, 1):
                shown.begin(f"{number} of {len(chosen)}: {claim.id} {claim.sentence}")
                result = claim.run(seed, broken)
                results.append((result, "" if out is None else report.save_picture(result, out)))
                shown.add(result)
    except KeyboardInterrupt:
        code = INTERRUPTED
    seconds = time.perf_counter() - started
    if out is not None and results:
        with whole_file(out / report.PAGE) as file:
            file.write(report.html(results, seconds).encode())
    failed = [result.claim.id for result, _ in results if not result.passed]
    if as_json:
        print_json([record(result) for result, _ in results])
        return code or (FAILED if failed else DONE)
    stopped = f"Stopped after {len(results)} of {len(chosen)} claims. " if code else ""
    verdict = f"{len(results) - len(failed)} of {len(results)} pass" + (f", {', '.join(failed)} fail" if failed else "")
    say(console, f"{stopped}{verdict}; seed {seed}, {seconds:.0f} s.", style="red" if failed else "green")
    if out is not None and results:
        say(console, f"The page with their pictures is {out / report.PAGE}")
    return code or (FAILED if failed else DONE)


class Silent:
    """Shows nothing while claims run."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def begin(self, what: str) -> None:
        """A claim begins to run."""

    def add(self, result: Result) -> None:
        """A claim has run."""


class Lines(Silent):
    """One plain line for each claim, for a file or another program."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def add(self, result: Result) -> None:
        """Print it."""
        figures = "; ".join(f"{check.name}: {show(check.value)} ({check.condition})" for check in result.checks)
        claim = result.claim
        say(self.console, f"{result.verdict}  {claim.id}  {claim.sentence}  {figures}  {result.seconds:.1f} s")


class Rows(Silent):
    """The rows of a table, each printed when its claim has run, and below them the claim that runs now."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.now = console.status("")

    def __enter__(self) -> None:
        self.console.print(self._row("", "", "claim", "expected", "measured", "s", style="bold"))
        self.now.start()

    def __exit__(self, *error: object) -> None:
        self.now.stop()

    def begin(self, what: str) -> None:
        """Name it below the rows."""
        self.now.update(Text(printable(what)[: self.console.width - 4]))  # one line: what is longer would flicker

    def add(self, result: Result) -> None:
        """Print its row."""
        expected = "\n".join(check.condition for check in result.checks)
        measured = "\n".join(show(check.value) for check in result.checks)
        sentence, seconds = result.claim.sentence, f"{result.seconds:.1f}"
        style = "green" if result.passed else "bold red"
        self.console.print(
            self._row(Text(result.verdict, style), result.claim.id, sentence, expected, measured, seconds)
        )

    def _row(self, verdict: str | Text, id: str, *cells: str, style: str = "") -> Table:
        """A row of a table, with columns as wide as those of the other rows."""
        table, wide = Table.grid(padding=(0, 1), expand=True), self.console.width >= 76
        for width in (4, 5):
            table.add_column(width=width, no_wrap=True)
        table.add_column(ratio=3)
        for _ in range(2 * wide):
            table.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
        table.add_column(width=5, justify="right")
        sentence, expected, measured, seconds = map(Text, cells)
        figures = [expected, measured] if wide else []
        table.add_row(verdict, Text(id), sentence, *figures, seconds, style=style)
        return table


def list_claims(console: Console) -> None:
    """What there is to run."""
    for section in sections():
        ids = " ".join(claim.id for claim in section.claims)
        say(console, f"{section.title} ({section.name})", style="bold")
        say(console, f"  {ids}")
    topics = ", ".join(claim.topic for claim in claims.values() if claim.topic)
    say(console, f"Topics: {topics}\n\nRun some, tinygrad-lstm claims P2 gates exploding, or --all of them.")


def record(result: Result) -> dict[str, Any]:
    """A result for another program."""
    claim = result.claim
    return {
        "id": claim.id, "section": claim.section.name, "kind": claim.kind, "sentence": claim.sentence,
        "set_up": claim.expected, "expected": result.expected,
        "measured": dict(result.measured), "passed": result.passed,
        "seconds": round(result.seconds, 3), "seed": result.seed, "broken": result.broken,
        "correction": claim.correction,
    }  # fmt: skip
