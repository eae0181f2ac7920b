import copy
import pickle

import pytest

from rexd.ding import Config


def test_items_are_attributes_all_the_way_down():
    config = Config({"policy": {"lr": 1, "parts": [{"a": 2}], "pair": ({"b": 3},)}}, seed=4)
    assert (config.policy.lr, config.policy.parts[0].a, config.policy.pair[0].b, config.seed) == (1, 2, 3, 4)
    config.policy.lr = {"start": 5}
    assert config["policy"]["lr"].start == 5
    del config.seed
    assert "seed" not in config


def test_setdefault_and_update_nest_too():
    config = Config()
    assert config.setdefault("a", {"b": 1}).b == 1
    assert config.setdefault("a", 7) == {"b": 1}
    config.update({"c": {"d": 2}}, e={"f": 3})
    assert (config.c.d, config.e.f) == (2, 3)


def test_missing_attribute_names_what_there_is():
    with pytest.raises(AttributeError, match=r"no 'sigme'; it has sigma, type"):
        _ = Config(sigma=1, type="red").sigme
    with pytest.raises(AttributeError, match="'absent'"):
        del Config().absent
    assert not hasattr(Config(), "absent")


def test_is_a_plain_dict_to_others():
    config = Config(a={"b": [1, 2]})
    assert isinstance(config, dict)
    assert config == {"a": {"b": [1, 2]}}
    for other in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert (type(other), other, other.a.b) == (Config, config, [1, 2])
    copied = copy.deepcopy(config)
    copied.a.b.append(3)
    assert config.a.b == [1, 2]
