"""The certificates that the system trusts, read when the first TLS connection needs them.

aiohttp has all of them read twice while it is imported, which takes as long as the rest of its import, and a crawl
without TLS needs none. So it is imported here, before any module of this room does so. Meanwhile a context only notes
that it is to read them, and it does when it is used, by whomever. Where aiohttp is already imported, nothing changes.
"""

import ssl
import sys
from typing import Any


class _Late(ssl.SSLContext):
    """A context that has yet to read what the system trusts."""

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """For a connection of the event loop."""
        return self._complete().wrap_bio(*arguments, **options)

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """For a socket."""
        return self._complete().wrap_socket(*arguments, **options)

    def get_ca_certs(self, *arguments: Any, **options: Any) -> Any:
        """What is trusted."""
        return self._complete().get_ca_certs(*arguments, **options)

    def cert_store_stats(self) -> dict[str, int]:
        """How much is trusted."""
        return self._complete().cert_store_stats()

    def _complete(self) -> ssl.SSLContext:
        """This context, as it would have been from the beginning."""
        self.set_default_verify_paths()
        self.__class__ = ssl.SSLContext  # type: ignore[assignment]
        return self


def import_aiohttp() -> None:
    """Import aiohttp without reading certificates."""
    if "aiohttp" in sys.modules:
        return
    late: list[ssl.SSLContext] = []

    def note(context: ssl.SSLContext) -> None:
        late.append(context)

    ssl.SSLContext.set_default_verify_paths = note  # type: ignore[assignment,method-assign]
    try:
        import aiohttp  # noqa: F401 -- what follows finds it imported
    finally:
        del ssl.SSLContext.set_default_verify_paths  # what it hides is that of the class above
    for context in late:
        context.__class__ = _Late
