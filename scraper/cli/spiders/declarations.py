"""What a spider class reads: the arguments that it declares, and those its code mentions.

Arguments go to `__init__`, and what that takes as `**kwargs` goes on to the next class's. What comes to
`Spider.__init__` in the end becomes an attribute: so attributes are arguments unless an `__init__` is in the way.
"""

import dis
import inspect
import sys
from collections.abc import Iterator
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

import msgspec

from scraper.errors import SpiderError
from scraper.spider import Spider

_NOT_ARGUMENTS = {"name", "contracts", "custom_settings", "pipelines", "middlewares"}
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Declared(msgspec.Struct, frozen=True):
    """An attribute of a class, or a parameter of its `__init__`, that stands in the module `module`."""

    module: str
    name: str
    annotation: Any = inspect.Parameter.empty
    has_default: bool = True

    @property
    def has_type(self) -> bool:
        """Whether a type is declared."""
        return self.annotation is not inspect.Parameter.empty

    @property
    def type(self) -> Any:
        """The declared type. Raises `SpiderError` if it is written as a text that means nothing."""
        if not isinstance(self.annotation, str):
            return self.annotation
        try:
            return eval(self.annotation, vars(sys.modules[self.module]))  # noqa: S307 -- the spider's own code
        except Exception as error:
            raise SpiderError(f"argument {self.name}: no type {self.annotation!r}: {error}") from error


class Reader:
    """The arguments of one spider class."""

    def __init__(self, spider: type[Spider]) -> None:
        self._classes = [each for each in spider.__mro__ if each not in (Spider, object)]
        self._constructors = list(self._inits())
        self._takes_any = all(map(_takes_any, self._constructors))

    def reads(self, name: str) -> bool:
        """Whether an argument of that name is declared, or the class's code mentions it."""
        return name in self.declared or (self._takes_any and name in self._mentioned)

    @cached_property
    def declared(self) -> dict[str, Declared]:
        """The declared arguments, by name."""
        found = {each.name: each for each in self._attributes()} if self._takes_any else {}
        for constructor in reversed(self._constructors):
            found |= {each.name: each for each in _parameters(constructor)}
        return found

    @cached_property
    def required(self) -> list[Declared]:
        """Parameters and annotated attributes without a default, unless the class sets them itself."""
        own = {each.name for each in _parameters(self._constructors[0])} if self._constructors else set()
        inner = {each.name for constructor in self._constructors[1:] for each in _parameters(constructor)} - own
        bare = [each for each in self.declared.values() if not each.has_default and each.name not in inner]
        return [each for each in bare if each.name in own or each.name not in self._assigned]

    def _inits(self) -> Iterator[FunctionType]:
        for owner in self._classes:
            if isinstance(init := vars(owner).get("__init__"), FunctionType):
                yield init
                if not _takes_any(init):
                    return

    def _attributes(self) -> Iterator[Declared]:
        for owner in reversed([*self._classes, Spider]):
            annotations = inspect.get_annotations(owner)
            for name in dict.fromkeys([*annotations, *vars(owner)]):
                if name.startswith("_") or name in _NOT_ARGUMENTS:
                    continue
                if name in annotations:
                    if "ClassVar" not in str(annotations[name]):
                        yield Declared(owner.__module__, name, annotations[name], hasattr(self._classes[0], name))
                elif not hasattr(vars(owner)[name], "__get__") and not self._is_annotated(name):
                    yield Declared(owner.__module__, name)

    def _is_annotated(self, name: str) -> bool:
        return any(name in inspect.get_annotations(owner) for owner in (*self._classes, Spider))

    @cached_property
    def _mentioned(self) -> set[str]:
        return {name for code in self._codes() for name in (*code.co_names, *code.co_consts) if isinstance(name, str)}

    @cached_property
    def _assigned(self) -> set[str]:
        steps = (step for code in self._codes() for step in dis.get_instructions(code))
        return {step.argval for step in steps if step.opname == "STORE_ATTR"}

    def _codes(self) -> Iterator[CodeType]:
        for owner in self._classes:
            for value in vars(owner).values():
                for function in _functions(value):
                    yield from _nested(function.__code__)


def _takes_any(function: FunctionType) -> bool:
    return any(each.kind is each.VAR_KEYWORD for each in inspect.signature(function).parameters.values())


def _parameters(init: FunctionType) -> Iterator[Declared]:
    for each in list(inspect.signature(init).parameters.values())[1:]:
        if each.kind in _NAMED and each.name not in _NOT_ARGUMENTS:
            yield Declared(init.__module__, each.name, each.annotation, each.default is not each.empty)


def _functions(value: object) -> Iterator[FunctionType]:
    """The functions behind a method, a property, or what a decorator made of one."""
    match value:
        case FunctionType():
            yield value
            yield from _functions(getattr(value, "__wrapped__", None))
        case staticmethod() | classmethod():
            yield from _functions(value.__func__)
        case property():
            yield from _functions(value.fget)
            yield from _functions(value.fset)
        case cached_property():
            yield from _functions(value.func)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
