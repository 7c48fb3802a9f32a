"""The frame of the lab: how a claim is found, run and shown."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import lab
from tinygrad_lstm.errors import ArgumentError, DtypeError, UnknownClaimError
from tinygrad_lstm.lab.conditions import above, below, between, difference, exactly, falling, near, rising, show


def test_a_result_has_what_was_expected_and_what_was_measured() -> None:
    result = lab.claims["P3"].run(seed=3)
    assert result.passed
    assert result.expected["rate per step, gain 0.9"] == "0.9, to 1e-12"
    assert result.measured["rate per step, gain 0.9"] == pytest.approx(0.9)
    assert "PASS (seed 3" in str(result)
    assert repr(result) == "Result(P3 PASS: 0.5; 0.9; 1; 1.5)"
    broken = lab.claims["P3"].run(broken="U fixed")
    assert not broken.passed
    assert "broken on purpose: U fixed" in str(broken)
    assert "FAIL" in broken._repr_html_()


@pytest.mark.alone
def test_the_same_seed_gives_the_same_figures_and_the_surroundings_stay() -> None:
    tg.manual_seed(5)
    before = tg.rand(3).data
    tg.manual_seed(5)
    first, second, other = (lab.claims["P4"].run(seed) for seed in (1, 1, 2))
    assert first.measured == second.measured != other.measured
    np.testing.assert_array_equal(tg.rand(3).data, before)
    assert tg.get_default_dtype() == np.float32


def test_claims_are_in_the_order_of_the_notes_and_found_by_id_section_and_topic() -> None:
    assert list(lab.claims)[:3] == ["P1", "P2", "P3"]
    assert [claim.id for claim in lab.claims.about("p2")] == ["P2"]
    assert {claim.section.name for claim in lab.claims.about("gates")} == {"gates"}
    assert lab.show("P6").claim.id == lab.show("exploding").claim.id == "P6"
    assert len(set(lab.claims)) == len(lab.claims) == sum(len(section.claims) for section in lab.sections())
    topics = [claim.topic for claim in lab.claims.values() if claim.topic]
    assert len(set(topics)) == len(topics)
    assert not set(topics) & {section.name for section in lab.sections()}


@pytest.mark.parametrize("id", list(lab.claims))
def test_a_claim_reads_as_its_sentence(id: str) -> None:
    claim = lab.claims[id]
    assert claim.sentence.endswith(".")
    assert claim.expected.endswith(".")
    assert claim.correction == "" or claim.correction.endswith(".")
    assert claim.broken, "a claim that nothing breaks shows nothing"
    assert ("'" not in id) or claim.correction, "a corrected form says where the notes are loose"


def test_what_is_not_there_is_an_error_that_names_what_is() -> None:
    with pytest.raises(UnknownClaimError, match=r"^there is no claim 'P99'; there are P1, P2"):
        lab.claims["P99"]
    with pytest.raises(KeyError):
        lab.claims["x"]
    with pytest.raises(ArgumentError, match="no claim, section or topic 'weather'; sections: problem, "):
        lab.show("weather")
    with pytest.raises(ArgumentError, match="claim P2 has no broken variant 'x': there are \"no tanh'\""):
        lab.claims["P2"].run(broken="x")
    holds_always = lab.Section("own", "A section of one's own").identity("Z1", "It holds.")(lambda run: None)
    with pytest.raises(ArgumentError, match="claim Z1 has no broken variant 'x': it has none"):
        holds_always.run(broken="x")
    with pytest.raises(ArgumentError, match="takes a whole number, at least 0, as seed"):
        lab.claims["P2"].run(seed=-1)
    with pytest.raises(DtypeError, match="takes a text as topic"):
        lab.show(3)  # type: ignore[arg-type]


def test_a_picture_is_drawn_when_it_is_looked_at_and_the_same_each_time() -> None:
    pytest.importorskip("matplotlib")
    result = lab.show("exploding")
    assert result.svg("light") == result.svg("light") != result.svg("dark")
    assert result._repr_html_().count("<img src=") == 1
    assert lab.claims["P2"].run().picture is None
    assert lab.show("derivative").claim.id == "V1"
    assert "<svg" in str(lab.claims["V1'"].run().svg())


def test_the_package_is_imported_without_the_lab_and_the_lab_without_its_claims() -> None:
    code = (
        "import sys, tinygrad_lstm; print([m for m in sys.modules if m.startswith('tinygrad_lstm.lab')]);"
        "loaded = lambda: ('tinygrad_lstm.lab.problem' in sys.modules, 'matplotlib' in sys.modules);"
        "from tinygrad_lstm import lab; print(*loaded()); lab.claims['P1']; print(*loaded())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == "[]\nFalse False\nTrue False\n"


def test_conditions_take_each_number_and_refuse_nan() -> None:
    nan = float("nan")
    for condition, good, bad in (
        (below(1), [0.5, -3], [0.5, 1]), (above(1), [1.5], [1.5, nan]), (between(0, 1), 0.5, [0.5, 1]),
        (near(2, within=0.1), 2.1, 2.3), (falling(), [3, 2, 1], [3, 3]), (rising(), [1, 2], [1, nan]),
        (exactly([1, (2, 3)]), [1, (2, 3)], [1, (2, 4)]), (below(1), 0, nan),
    ):  # fmt: skip
        assert condition.holds(good), condition.words
        assert not condition.holds(bad), condition.words
    assert difference([0.0], [0.0]) == 0
    assert difference([1.0], [[1.0]]) == float("inf")
    assert show([True, np.float64(0.25), np.int64(3)]) == "yes / 0.25 / 3"
