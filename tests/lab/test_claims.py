"""Every claim holds with several seeds; broken on purpose it fails; and mistakes in the library's cells are noticed."""

from __future__ import annotations

import pytest

from tests.support.mutants import MUTANTS, mutate
from tinygrad_lstm.lab import claims

QUICK = [id for id, claim in claims.items() if claim.kind != "experiment"]
BROKEN = [(id, variant) for id in QUICK for variant in claims[id].broken]

# The claims that notice each mistake, as they have been measured
NOTICED = {
    "h detached": "P1 P2 P3 P6 E2 E3 V1'",
    "belt detached": "E2 B3 V1 V1' V2 V3",
    "belt not tagged": "B3 V1 V2",
    "no input gate": "C1 C2 E1 E2 E3 G2 G4 V1'",
    "no tanh of C": "P2 L1 E1 E2 E3 G3 B1 V1'",
    "tanh slope": "P2 E2 V1'",
    "hard sigmoid": "C2 E1 E2 E3 G1 V1' V3",
    "belt cut": "C1 C2 A1 E1 E2 G2 G4 B1 V1 V1' V2 V3",
    "wrong reduction": "",
}
MISTAKES = [(mutant, id) for mutant, ids in NOTICED.items() for id in ids.split()]


@pytest.mark.alone
@pytest.mark.parametrize("seed", [0, 11])
@pytest.mark.parametrize("id", QUICK)
def test_a_claim_holds(id: str, seed: int) -> None:
    result = claims[id].run(seed)
    assert result.passed, result


@pytest.mark.alone
@pytest.mark.parametrize(("id", "variant"), BROKEN)
def test_a_broken_claim_fails(id: str, variant: str) -> None:
    result = claims[id].run(broken=variant)
    assert not result.passed, result


@pytest.mark.alone
@pytest.mark.parametrize(("mutant", "id"), MISTAKES)
def test_a_mistake_in_a_cell_is_noticed(mutant: str, id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch, mutant)
    try:
        passed = claims[id].run().passed
    except Exception:  # a run that ends before it can claim has noticed too
        passed = False
    assert not passed


def test_every_mistake_is_noticed_and_none_leaves_the_cells_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(NOTICED) == set(MUTANTS)
    mutate(monkeypatch, "")  # the same equations, written again
    assert all(claims[id].run().passed for id in ("P2", "E1", "E2", "V1'", "B3"))
