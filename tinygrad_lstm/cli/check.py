"""Every operation and every cell against finite differences, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from threadpoolctl import threadpool_limits

from tinygrad_lstm.cli import gradients
from tinygrad_lstm.cli.messages import DONE, FAILED, print_json, say
from tinygrad_lstm.errors import ArgumentError, GradcheckError
from tinygrad_lstm.finite_differences import gradcheck


def run(which: Sequence[str], as_json: bool) -> int:
    """Check all derivatives, or those of these operations and cells; returns the exit code."""
    console = Console()
    checks = [*gradients.operations(), *gradients.cells()]
    names = [check.name for check in checks]
    if unknown := [word for word in which if word not in names]:
        raise ArgumentError(f"nothing called {unknown[0]!r} to check; there are {', '.join(names)}")
    results = []
    with threadpool_limits(1):
        for check in checks:
            if which and check.name not in which:
                continue
            elements = sum(tensor.size for tensor in check.inputs)
            try:
                gradcheck(check.function, check.inputs)
                wrong = ""
            except GradcheckError as error:
                wrong = str(error)
            results.append({"name": check.name, "elements": elements, "passed": not wrong, "report": wrong})
            if not as_json:
                verdict = "FAIL" if wrong else "PASS"
                say(console, f"{verdict}  {check.name}, {elements} elements", style="red" if wrong else None)
                if wrong:
                    say(console, wrong)
    failed = [str(result["name"]) for result in results if not result["passed"]]
    if as_json:
        print_json(results)
    else:
        verdict = f"{len(results) - len(failed)} of {len(results)} pass"
        say(console, verdict + (f"; {', '.join(failed)} fail." if failed else "."), style="red" if failed else "green")
    return FAILED if failed else DONE
