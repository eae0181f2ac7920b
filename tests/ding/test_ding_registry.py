import pytest

from rexd.ding import Registry, RegistryError
from rexd.errors import RexdError


def test_register_by_decorator_and_by_call():
    registry = Registry()

    @registry.register("a")
    class A:
        def __init__(self, x, y=0):
            self.values = x, y

    @registry.register()
    class B:
        pass

    registry.register("c", A)
    assert registry.get("a") is registry.get("c") is registry["a"] is A
    assert registry.get("B") is B
    assert registry.build("a", 1, y=2).values == (1, 2)
    assert sorted(registry.query()) == ["B", "a", "c"]


def test_name_that_is_taken():
    registry = Registry()
    registry.register("a", int)
    with pytest.raises(RegistryError, match=r"'a' is registered already, for .*int.*force_overwrite=True"):
        registry.register("a", float)
    assert registry.get("a") is int
    registry.register("a", float, force_overwrite=True)
    assert registry.get("a") is float


def test_unknown_name_lists_the_known_ones():
    registry = Registry()
    with pytest.raises(RegistryError, match="the registry is empty"):
        registry.build("a")
    registry.register("b", int)
    registry.register("a", int)
    with pytest.raises(KeyError) as caught:
        registry.get("c")
    assert isinstance(caught.value, RexdError)
    assert str(caught.value) == "no reward model is registered as 'c'; expected one of a, b"
