"""A registry of classes by name, so that a config can name its reward model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

from rexd.errors import RexdError


class RegistryError(RexdError, KeyError):
    """A name is not registered, or is taken already."""

    __str__ = Exception.__str__  # that of KeyError would print the repr of the message


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
            module_name: Name to register it by; None takes the name of the class.
            module: The class; None returns a decorator.
            force_overwrite: Whether the class replaces one that is registered by this name.

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
        """Return the class of that name.

        Raises:
            RegistryError: No class is registered by that name.
        """
        if module_name not in self:
            raise RegistryError(f"no reward model is registered as {module_name!r}; expected {self._names()}")
        return self[module_name]

    def build(self, obj_type: str, *obj_args: Any, **obj_kwargs: Any) -> Any:
        """Make an object of the class of that name; further arguments are passed to the class.

        Raises:
            RegistryError: No class is registered by that name.
        """
        return self.get(obj_type)(*obj_args, **obj_kwargs)

    def query(self) -> Iterable[str]:
        """Return all registered names."""
        return self.keys()

    def _add(self, name: str, module: Callable[..., Any], force_overwrite: bool) -> None:
        if name in self and not force_overwrite:
            raise RegistryError(f"{name!r} is registered already, for {self[name]}; give force_overwrite=True")
        self[name] = module

    def _names(self) -> str:
        return "one of " + ", ".join(sorted(self)) if self else "nothing, the registry is empty"
