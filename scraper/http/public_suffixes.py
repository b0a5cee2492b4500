"""Public suffixes: the domains under which anybody can have a name (`co.uk`, `github.io`), by publicsuffix.org's list.

The list comes with the package `publicsuffixlist`; nothing is downloaded. It is read, in some 20 ms, when it is first
asked for: when a cookie names a domain, or a crawl is shared among machines.
"""

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=16_384)
def is_public_suffix(domain: str) -> bool:
    """Whether `domain`, in lower case and with its dots inside only, belongs to all who have a name under it.

    A domain of one label that the list does not know is one, too.
    """
    return bool(_list().is_public(_unicode(domain)))


def registrable_domain(host: str) -> str:
    """The name that the owner of `host`, in lower case, has registered: `example.co.uk` of `www.example.co.uk`.

    That is `host` itself if it is an address, a public suffix, or a name that the list does not know.
    """
    if host[-1:] == "]" or host[host.rfind(".") + 1 :].isdigit():
        return host
    registered = _list().privatesuffix(_unicode(host))
    if registered is None:
        return host
    return ".".join(host.split(".")[-1 - registered.count(".") :])


@cache
def _list() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_encoded_idn=False)  # with both spellings of each name it takes 90 ms


def _unicode(domain: str) -> str:
    """`domain` as the list writes it."""
    if "xn--" not in domain:
        return domain
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain
