"""Every claim holds with several seeds; broken on purpose it fails; and mistakes in the library's cells are noticed."""

from __future__ import annotations

import pytest

from tests.support.mutants import MUTANTS, mutate
from tinygrad_lstm.lab import claims
from tinygrad_lstm.lab.claim import shared

TIMED = ("I1b", "I1c")  # they take processor time, which a test must not depend on
SLOW = ("P1", "D1", "D1d", "D3c", "D5'", "S2", "S3", "S4", "S5", "T66a", "T66b")  # a second of CPU, on a busy machine


def case(id: str, *more: object, again: bool = False) -> object:
    """A claim as a parameter: those that train are slow; to run slow ones ``again`` takes minutes in all."""
    slow = claims[id].kind == "experiment" or id in SLOW
    return pytest.param(id, *more, marks=[pytest.mark.minutes if again else pytest.mark.slow] if slow else [])


TESTED = [id for id in claims if id not in TIMED]
BROKEN = [case(id, variant, again=True) for id in TESTED for variant in claims[id].broken]

# The claims that notice each mistake, as they have been measured
NOTICED = {
    "h detached": "P1 P2 P3 P6 E2 E3 V1' X7b S5 T8 T9 T62 D1 D1d",
    "belt detached": "E2 B3 V1 V1' V2 V3 S5 T62' T62'' T64' D7",
    "belt not tagged": "B3 V1 V2 T62''",
    "no input gate": "C1 C2 E1 E2 E3 G2 G4 V1' X3 S2 S3 S4 T9 T62 T62' T62'' T64f T64i T64g T64o T64' T65 D4c D5a",
    "no tanh of C": "P2 L1 E1 E2 E3 G3 B1 V1' S1' S3 S5 T62' T64o D1 D1d D4c D5a",
    "tanh slope": "P2 E2 E3 V1' T62' T65 D5a",
    "hard sigmoid": "C2 E1 E2 E3 G1 V1' V3 X3 I2 T65 D1 D1d D4c D5a",
    "belt cut": "C1 C2 A1 E1 E2 G2 G4 B1 B3 V1 V1' V2 V3 X2' S2 S3 S4 S5 T62' T62'' T64f T64' D4c D7",
    "wrong reduction": "I4l T56",
}
MISTAKES = [case(id, mutant, again=True) for mutant, ids in NOTICED.items() for id in ids.split()]


@pytest.mark.alone
@pytest.mark.parametrize(("id", "seed"), [case(id, seed, again=seed > 0) for id in TESTED for seed in (0, 11)])
def test_a_claim_holds(id: str, seed: int) -> None:
    result = claims[id].run(seed)
    assert result.passed, result


@pytest.mark.alone
@pytest.mark.parametrize(("id", "variant"), BROKEN)
def test_a_broken_claim_fails(id: str, variant: str) -> None:
    result = claims[id].run(broken=variant)
    assert not result.passed, result


@pytest.mark.alone
@pytest.mark.parametrize(("id", "mutant"), MISTAKES)
def test_a_mistake_in_a_cell_is_noticed(id: str, mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch, mutant)
    shared.clear()
    try:
        passed = claims[id].run().passed
    except Exception:  # a run that ends before it can claim has noticed too
        passed = False
    assert not passed


def test_the_cells_without_a_mistake_are_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(NOTICED) == set(MUTANTS)
    mutate(monkeypatch, "")  # the same equations, written again
    assert all(claims[id].run().passed for id in ("P2", "E1", "E2", "V1'", "B3", "T65", "D5a", "X3"))
