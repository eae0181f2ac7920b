"""The grade follows the worst finding."""

import pytest

from rexd.diagnosis.grade import grade_of
from rexd.inspection.data.finding import Finding

INFO, WARNING, ERROR = (Finding(severity, f"a-{severity}", "") for severity in ("info", "warning", "error"))


@pytest.mark.parametrize(
    ("findings", "word", "named"),
    [
        ([], "good", ""),
        ([INFO], "good", ""),
        ([WARNING, INFO], "doubtful", "(a-warning)"),
        ([ERROR, WARNING, INFO], "poor", "(a-error)"),
    ],
)
def test_the_worst_finding_decides_and_is_named(findings, word, named):
    found = grade_of(findings, played=True)
    assert found.word == word
    assert named in found.sentence
    assert "a-info" not in found.sentence
    assert found.sentence.endswith(".")


def test_a_good_grade_says_what_was_not_looked_at():
    assert "--env" in grade_of([], played=False).sentence
    assert "--env" not in grade_of([], played=True).sentence
    assert "--env" not in grade_of([WARNING], played=False).sentence
