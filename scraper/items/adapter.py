"""What the package `itemadapter` sees of a record, and so `itemloaders` and pipelines that were written for Scrapy.

Left alone, it would take a record for any pydantic model: every field is there, and what was said of it is not. So
it is offered an adapter, as its documentation says, as soon as the program has imported it. It is not imported here:
it would load pydantic's first version, and Scrapy where that is installed.
"""

import sys
from collections.abc import Iterator, KeysView
from types import MappingProxyType
from typing import Any

_known: list[Any] = []  # the class that was offered an adapter


def offer(kind: type[Any]) -> None:
    """Have `itemadapter`, if it is imported, see `kind` and its subclasses as they are."""
    if _known or "itemadapter" not in sys.modules:
        return
    package = sys.modules["itemadapter"]
    if hasattr(package, "ItemAdapter"):  # it is not just being imported
        package.ItemAdapter.ADAPTER_CLASSES.appendleft(_made(kind, package.adapter.PydanticAdapter))
        _known.append(kind)


def _made(kind: type[Any], base: Any) -> type[Any]:  # noqa: C901 -- a class whose methods are short
    """An adapter of `kind`, whose objects are mappings and whose classes have `fields`."""

    class RecordAdapter(base):  # type: ignore[misc]
        """Adapts a record."""

        @classmethod
        def is_item_class(cls, item_class: type) -> bool:
            return issubclass(item_class, kind)

        @classmethod
        def get_field_meta_from_class(cls, item_class: Any, field_name: str) -> MappingProxyType[str, Any]:
            said = item_class.__declared__[field_name]
            if field_name in item_class.__hidden__ | item_class.__untyped__:
                return MappingProxyType(said)
            return MappingProxyType({**super().get_field_meta_from_class(item_class, field_name), **said})

        @classmethod
        def get_field_names_from_class(cls, item_class: Any) -> list[str]:
            return [*item_class.__declared__]

        def field_names(self) -> KeysView[str]:
            return KeysView(type(self.item).__declared__)

        def __getitem__(self, field_name: str) -> Any:
            return self.item[field_name]

        def __setitem__(self, field_name: str, value: Any) -> None:
            self.item[field_name] = value

        def __delitem__(self, field_name: str) -> None:
            del self.item[field_name]

        def __iter__(self) -> Iterator[str]:
            return kind.__iter__(self.item)  # type: ignore[no-any-return]

        def __len__(self) -> int:
            return kind.__len__(self.item)  # type: ignore[no-any-return]

    return RecordAdapter
