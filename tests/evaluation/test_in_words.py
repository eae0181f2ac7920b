from rexd.evaluation.in_words import compared, iqm_cell, number, verdict, with_spread

SUMMARY = {"mean": 12.0, "std": 3.0, "iqm": 11.5, "low": 10.0, "high": 13.0, "n": 5}
SINGLE = {**SUMMARY, "std": None, "low": None, "high": None, "n": 1}


def test_numbers_are_as_long_as_they_need_to_be():
    assert [number(value) for value in (1234.5, -12.34, 0.5)] == ["1,234", "-12.3", "0.500"]
    assert with_spread(12.0, 3.0) == "12.0 ± 3.000"
    assert with_spread(12.0, None) == "12.0"
    assert iqm_cell(SUMMARY) == "11.5 [10.0, 13.0]"
    assert iqm_cell(SINGLE) == ""


def test_what_is_not_known_is_no_row():
    found = {"true": SUMMARY, "learned": None, "clone": {"true": SINGLE}}
    assert compared(found, None) == [
        ("clone", "12.0", "", "", "1"),
        ("policy", "12.0 ± 3.000", "11.5 [10.0, 13.0]", "", "5"),
    ]
    rows = compared({**found, "demonstrations": {"learned": SINGLE}}, SUMMARY, {"random": {"true": SINGLE}})
    assert [row[0] for row in rows] == ["demonstrations", "clone", "random", "policy"]
    assert rows[0][1:] == ("12.0 ± 3.000", "11.5 [10.0, 13.0]", "12.0", "5")


def test_the_verdict_compares_learned_returns():
    found = {
        "learned": {"mean": 6.0},
        "demonstrations": {"learned": {"mean": 8.0}},
        "clone": {"learned": {"mean": 2.0}},
    }
    assert verdict(found) == ("The policy reaches 75% of the demonstrations' learned return; the clone reaches 25%.")
    assert "a clone of them," in verdict({**found, "selected_at": 0})
    assert verdict({"learned": {"mean": 6.0}}) is None
