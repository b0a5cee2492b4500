"""A list whose elements are looked for when somebody asks for them, and which is a list to whoever uses it.

It is no subclass of `list`: what is written in C (`json`, `orjson`, pydantic) reads the memory of a list without
asking it, and would find one that has not looked yet to be empty.
"""

from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any, Self, SupportsIndex, TypeVar, overload

T = TypeVar("T")


class LazyList(MutableSequence[T]):
    """Adds, compares and changes as a list does. `_found` holds the elements, or None before they were looked for."""

    __slots__ = ("_found",)

    _found: list[T] | None

    def __init__(self, found: Iterable[T] = ()) -> None:
        self._found = list(found)

    def _look(self) -> list[T]:
        """What there is to be found."""
        raise NotImplementedError

    def _all(self) -> list[T]:
        if self._found is None:
            self._found = self._look()
        return self._found

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[T]:
        return iter(self._all())

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: SupportsIndex | slice) -> T | Self:
        return type(self)(self._all()[index]) if isinstance(index, slice) else self._all()[index]

    @overload
    def __setitem__(self, index: SupportsIndex, value: T) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[T]) -> None: ...
    def __setitem__(self, index: Any, value: Any) -> None:
        self._all()[index] = value

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        del self._all()[index]

    def insert(self, index: SupportsIndex, value: T) -> None:
        """Put `value` before what stands at `index`."""
        self._all().insert(index, value)

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        """Put the elements in the order of what `key` makes of each."""
        self._all().sort(key=key, reverse=reverse)

    def copy(self) -> Self:
        """A list of the same elements."""
        return type(self)(self._all())

    __copy__ = copy

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LazyList):
            return self is other or self._all() == other._all()
        return self._all() == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # what can be changed has no hash

    def __add__(self, other: Iterable[T]) -> Self:
        return type(self)([*self._all(), *other]) if isinstance(other, list | LazyList) else NotImplemented

    def __radd__(self, other: list[Any]) -> list[Any]:
        return [*other, *self._all()] if isinstance(other, list) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> Self:
        return type(self)(self._all() * times)

    __rmul__ = __mul__

    def __imul__(self, times: SupportsIndex) -> Self:
        self._found = self._all() * times
        return self

    def __repr__(self) -> str:
        return repr(self._all())
