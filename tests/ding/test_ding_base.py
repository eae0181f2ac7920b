import copy
import sys

import pytest
import torch
from transitions import TINY, build, transitions, write

from rexd.ding import (
    REWARD_MODEL_REGISTRY,
    BaseRewardModel,
    Config,
    RedRewardModel,
    RegistryError,
    RexdRewardModel,
    create_reward_model,
    get_reward_model_cls,
)
from rexd.errors import RewardFileError, RexdError


class AttributeDict(dict):
    """What the package easydict provides, as far as configs go."""

    def __init__(self, content):
        super().__init__({k: AttributeDict(v) if isinstance(v, dict) else v for k, v in content.items()})
        self.__dict__ = self


def easydict(content):
    return pytest.importorskip("easydict").EasyDict(content)


KINDS = pytest.mark.parametrize("kind", [dict, Config, AttributeDict, easydict])


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that registers a class when it is imported; its name."""
    (tmp_path / "extra_reward_model.py").write_text(
        "from rexd.ding import REWARD_MODEL_REGISTRY, RedRewardModel\n"
        "@REWARD_MODEL_REGISTRY.register('extra', force_overwrite=True)\n"
        "class Extra(RedRewardModel):\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "extra_reward_model"
    sys.modules.pop("extra_reward_model", None)
    REWARD_MODEL_REGISTRY.pop("extra", None)


def test_class_is_abstract():
    with pytest.raises(TypeError, match=r"estimate|train|collect_data|clear_data"):
        BaseRewardModel()
    assert BaseRewardModel.__abstractmethods__ == {"estimate", "train", "collect_data", "clear_data"}


class Own(BaseRewardModel):
    """The least that a class of the user's must have."""

    config = {"type": "own", "parts": [1]}  # noqa: RUF012

    def estimate(self, data):
        return data

    def train(self):
        pass

    def collect_data(self, data):
        pass

    def clear_data(self):
        pass


def test_class_of_one_s_own(tmp_path):
    model = Own()
    model.load_expert_data()
    model.load_state_dict(model.state_dict())
    config = Own.default_config()
    assert (config.type, config.cfg_type) == ("own", "OwnDict")
    config.parts.append(2)
    assert Own.config["parts"] == [1]
    with pytest.raises(RexdError, match=r"Own\.state_dict is empty"):
        model.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RexdError, match="set exp_name"):
        model.save()


def test_reward_deepcopy():
    row = {"obs": torch.zeros(2), "reward": torch.zeros(1), "n": [1]}
    other = {"reward": [0.0]}
    copied = Own().reward_deepcopy([row, other])
    copied[0]["reward"] += 1
    copied[1]["reward"][0] = 1
    copied[0]["new"] = 1
    assert row["reward"].tolist() == other["reward"] == [0.0]
    assert "new" not in row
    assert copied[0]["obs"] is row["obs"]
    assert copied[0]["n"] is row["n"]


def test_reward_deepcopy_does_not_copy_the_whole_batch():
    rows = [{"reward": reward} for reward in torch.zeros(1000).unbind()]
    assert Own().reward_deepcopy(rows)[0]["reward"].untyped_storage().nbytes() == 4


@KINDS
@pytest.mark.parametrize("whole", [False, True])
def test_create_from_any_mapping(tmp_path, kind, whole):
    section = {"type": "red", "expert_data_path": write(tmp_path, transitions()), "sigma": 0.5, "own": {"x": [1]}}
    content = {"exp_name": "run", "policy": {"a": 1}, "reward_model": section} if whole else section
    config = kind(content)
    before = copy.deepcopy(config)
    with pytest.warns(UserWarning, match="no setting 'own', which is ignored"):
        model = create_reward_model(config, "cpu", None)
    assert type(model) is RedRewardModel
    assert model.cfg.sigma == 0.5
    assert model.cfg.own.x == [1]
    assert model.cfg.get("exp_name") == ("run" if whole else None)
    assert "policy" not in model.cfg
    model.cfg.own.x.append(2)
    assert config == before
    assert type(config) is type(before)


def test_direct_construction_leaves_the_config_alone(tmp_path):
    config = {"expert_data_path": write(tmp_path, transitions())}
    before = dict(config)
    model = RedRewardModel(config, "cpu", None)
    model.cfg.sigma = 3
    assert config == before
    assert (model.cfg.type, model.cfg.input_size, model.device, model.tb_logger) == ("red", 6, "cpu", None)


def test_types(tmp_path):
    assert get_reward_model_cls({"type": "red"}) is RedRewardModel
    assert get_reward_model_cls(Config(type="rexd")) is RexdRewardModel
    assert type(build(tmp_path, **TINY)) is RexdRewardModel
    assert isinstance(build(tmp_path, **TINY), RedRewardModel)
    for make in (lambda cfg: create_reward_model(cfg, "cpu", None), get_reward_model_cls):
        with pytest.raises(RegistryError, match=r"no reward model is registered as 'icm'; expected one of .*red, rexd"):
            make({"type": "icm"})
        with pytest.raises(RexdError, match=r"no 'type'; expected one of .*red, rexd"):
            make({"sigma": 1})


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_import_names(tmp_path, module, as_list, whole):
    names = [module] if as_list else module
    section = {"type": "extra", "expert_data_path": write(tmp_path, transitions())}
    config = {"import_names": names, "reward_model": section} if whole else {**section, "import_names": names}
    model = create_reward_model(config, "cpu", None)
    assert type(model).__name__ == "Extra"
    assert "import_names" not in model.cfg
    assert config["import_names"] == names


def test_import_names_of_the_section(tmp_path, module):
    section = {"type": "extra", "import_names": [module], "expert_data_path": write(tmp_path, transitions())}
    assert type(create_reward_model({"reward_model": section}, "cpu", None)).__name__ == "Extra"


def test_import_names_of_a_class(module):
    assert get_reward_model_cls({"type": "extra", "import_names": [module]}).__name__ == "Extra"


def test_import_name_that_is_not_there():
    with pytest.raises(ModuleNotFoundError, match="no_such_module_x"):
        create_reward_model({"type": "red", "import_names": ["no_such_module_x"]}, "cpu", None)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", "gpu"])
def test_unknown_device(tmp_path, device):
    with pytest.raises(RexdError, match=rf"device '{device}' cannot be used .*expected 'cpu' or a CUDA device"):
        build(tmp_path, device=device)


def test_save_goes_where_di_engine_puts_it(tmp_path):
    model = build(tmp_path)
    file = model.save(str(tmp_path / "run"), "last")
    assert file == tmp_path / "run" / "reward_model" / "ckpt" / "ckpt_last.pth.tar"
    assert [path.name for path in file.parent.iterdir()] == ["ckpt_last.pth.tar"]
    assert model.save(tmp_path / "run").name == "ckpt_best.pth.tar"
    named = build(tmp_path, exp_name=str(tmp_path / "named"))
    assert named.save() == tmp_path / "named" / "reward_model" / "ckpt" / "ckpt_best.pth.tar"


def test_save_is_atomic(tmp_path, monkeypatch):
    model = build(tmp_path)
    file = model.save(tmp_path)
    before = file.read_bytes()

    def cut(state, path):
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", cut)
    with pytest.raises(OSError, match="no space left"):
        model.save(tmp_path)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("content", [None, b"", b"half", 500])
def test_load_of_what_is_no_checkpoint(tmp_path, content):
    model = build(tmp_path)
    file = model.save(tmp_path)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:content] if isinstance(content, int) else content)
    with pytest.raises(RewardFileError, match=r"ckpt_best\.pth\.tar: cannot be read as a checkpoint"):
        model.load(tmp_path)


def test_load_executes_nothing(tmp_path):
    class Attack:
        def __reduce__(self):
            return eval, (f"open({str(tmp_path / 'mark')!r}, 'w')",)

    model = build(tmp_path)
    file = model.save(tmp_path)
    torch.save({"sigma": Attack()}, file)
    with pytest.raises(RewardFileError, match="cannot be read"):
        model.load(tmp_path)
    assert not (tmp_path / "mark").exists()
    torch.save([1], file)
    with pytest.raises(RewardFileError, match="holds a list; expected the dict"):
        model.load(tmp_path)
