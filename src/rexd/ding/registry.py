"""Names for classes, so that a config can say which reward model it means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

from rexd.errors import RexdError


class RegistryError(RexdError, KeyError):
    """A name that is not registered, or that is taken."""

    __str__ = Exception.__str__  # a KeyError would print the message's repr


class Registry(dict[str, Callable[..., Any]]):
    """A dict from names to classes, with DI-engine's ``register``, ``get`` and ``build``."""

    @overload
    def register(self, module_name: str | None = None, module: None = None, force_overwrite: bool = False) -> Any: ...

    @overload
    def register(self, module_name: str, module: Callable[..., Any], force_overwrite: bool = False) -> None: ...

    def register(
        self, module_name: str | None = None, module: Callable[..., Any] | None = None, force_overwrite: bool = False
    ) -> Any:
        """Register a class, by a call or as a decorator.

        Args:
            module_name: Its name; None takes the class's own, for the decorator.
            module: The class; None makes this a decorator.
            force_overwrite: Whether a name that is taken is given to the new class.

        Raises:
            RegistryError: The name is taken.
        """
        if module is not None:
            self._add(module_name or module.__name__, module, force_overwrite)
            return None

        def decorate(found: Callable[..., Any]) -> Callable[..., Any]:
            self._add(module_name or found.__name__, found, force_overwrite)
            return found

        return decorate

    def get(self, module_name: str) -> Callable[..., Any]:  # type: ignore[override]  # as in DI-engine
        """The class of that name.

        Raises:
            RegistryError: There is none.
        """
        if module_name not in self:
            raise RegistryError(f"no reward model is registered as {module_name!r}; expected {self._names()}")
        return self[module_name]

    def build(self, obj_type: str, *obj_args: Any, **obj_kwargs: Any) -> Any:
        """Make an object of the class of that name.

        Raises:
            RegistryError: There is none.
        """
        return self.get(obj_type)(*obj_args, **obj_kwargs)

    def query(self) -> Iterable[str]:
        """All registered names."""
        return self.keys()

    def _add(self, name: str, module: Callable[..., Any], force_overwrite: bool) -> None:
        if name in self and not force_overwrite:
            raise RegistryError(f"{name!r} is registered already, for {self[name]}; give force_overwrite=True")
        self[name] = module

    def _names(self) -> str:
        return "one of " + ", ".join(sorted(self)) if self else "nothing, the registry is empty"
