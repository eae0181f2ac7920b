"""The card of a run: metadata that the Hugging Face hub reads, and text that no file can turn into anything else."""

import json
import re

import pytest
from finished_run import finished_run
from line_task import ENV

from rexd.errors import RunError
from rexd.report.card import card_of
from rexd.rl.training.run_folder import load_run


def metadata(text):
    yaml = pytest.importorskip("yaml")
    _, header, _ = text.split("---\n", 2)
    return yaml.safe_load(header)


def test_the_header_states_the_measured_return(tmp_path):
    found = metadata(card_of(finished_run(tmp_path / "run")))
    assert found["library_name"] == "rexd"
    assert found["tags"] == [
        ENV, "reinforcement-learning", "imitation-learning", "inverse-reinforcement-learning", "rexd",
    ]  # fmt: skip
    (model,) = found["model-index"]
    assert model["name"] == "sb3-sac"
    (result,) = model["results"]
    assert result["task"] == {"type": "reinforcement-learning", "name": "reinforcement-learning"}
    assert result["dataset"] == {"name": ENV, "type": ENV}
    assert result["metrics"] == [
        {"type": "mean_reward", "value": "4.50 +/- 1.29", "name": "mean_reward", "verified": False}
    ]


def test_the_text_says_how_it_was_trained_and_what_it_reaches(tmp_path):
    text = card_of(finished_run(tmp_path / "run"))
    assert "with sb3-sac for 400 environment steps, seed 0. It was paid by a reward that Random EXpert" in text
    assert "that of step 300." in text
    assert "| policy | 4.500 ± 1.291 | 4.500 [" in text
    assert "The policy reaches 82% of the demonstrations' learned return" in text
    assert "## Limits" in text
    assert "rexd train demos.npz --seed 0" in text
    assert re.search(r"rexd evaluate \S+ --seed 0 --episodes 4", text)
    assert "- `policy.safetensors`" in text
    assert "last_policy" not in text  # no such file
    settings = json.loads(re.search(r"```json\n(.*?)\n```", text, re.DOTALL)[1])
    assert settings["steps"] == 400


def test_rewards_of_other_kinds_are_named(tmp_path):
    run = finished_run(tmp_path / "run")
    content = json.loads((run.path / "config.json").read_text())
    content["train"]["reward_source"] = "env"
    (run.path / "config.json").write_text(json.dumps(content))
    text = card_of(load_run(run.path))
    assert "It was paid by the environment's own reward." in text
    assert "No policy learnt from" not in text
    assert "how much a step resembles the expert's" not in text


def test_names_from_files_are_no_markup(tmp_path):
    hostile = '<script>a</script> `code` [x](http://y) "q"\n---\nevil: true'
    run = finished_run(
        tmp_path / "run",
        env=hostile,
        demonstrations_source="a`b```c",
        command=["rexd", "```\n<b>"],
        versions={"<i>": "|"},
    )
    text = card_of(run)
    found = metadata(text)
    assert "evil" not in found
    assert found["tags"][0] == '<script>a</script> `code` [x](http://y) "q" --- evil: true'
    body = text.split("---\n", 2)[2]
    prose = re.sub(r"```.*?```|`[^`]*`", "", body, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<", prose)
    assert "](http://y)" not in prose.replace("\\]", "")
    assert body.count("```") % 2 == 0


def test_a_run_without_an_end_has_no_card(tmp_path):
    run = finished_run(tmp_path / "run")
    (run.path / "evaluation.json").unlink()
    with pytest.raises(RunError, match="has no final evaluation; expected a finished run"):
        card_of(load_run(run.path))
    (run.path / "evaluation.json").write_text('{"true": {"mean": "x"}}')
    with pytest.raises(RunError, match="damaged evaluation"):
        card_of(load_run(run.path))
