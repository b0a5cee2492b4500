"""What is secret, by its name: the one list that the log, errors, recordings and `scraper settings` go by.

A name is that of a header, a cookie, an argument, a key of config.toml, a field of a form or of JSON, or a parameter of
a URL. It is read as words, however they are joined (`apiKey`, `X-Api-Key`, `api_key`), and is secret if it speaks of
passwords, tokens, keys, cookies or signatures: wherever such a word stands if it means nothing else, and as the last
word if it may (`auth`, but not `auth_type`). Tokens that only tell the next page (`page_token`, `resumptionToken`) are
not secret; replacing them would make one page of many.

Texts are searched for URLs: what is secret in them is the user and password before the host, and what secret
parameters hold.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import unquote_plus

HIDDEN = "***"
"""What takes the place of a secret where people read."""
PROXIES = frozenset({"proxies", "proxy"})
"""Names of what holds addresses of proxies."""
STORE = "store"
"""The name of what holds the address of a store."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_HARMLESS = re.compile(
    r"(continuation|cursor|max|min|next|page|paging|pagination|prev|previous|resume|resumption|scroll|start|sync)"
    r"_?tokens?|secretar|tokeni[sz]|allow_credentials"
)
_SECRET = re.compile(
    r"passw|pass_?(phrase|code|key)|pwd|secret|credential|authorization|token|jwt|[cx]srf"
    r"|(^|_|php|asp|j)sess_?id|session_?(id|key)"
    r"|(access|account|api|auth|encryption|master|private|shared|signing|subscription)_?key(?![wb])"
    r"|(^|_)(auth|bearer|cookies?|otp|pass|pw|sig|signature)$"
)


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Whether what has this name is nobody else's business."""
    words = "_".join(_WORD.findall(name)).lower()
    return _SECRET.search(_HARMLESS.sub("", words)) is not None


# Secrets in texts.

_USER = re.compile(
    r"""( \b https? : [/\\]*+  |  \b [a-z][\w+.-]{0,20} : [/\\]{2}  |  (?<![^\s"'<(=,\[]) [/\\]{2} )
        (?! \[user:password@] )                                     # which is how errors tell the form
        (?: [^/\\?\#\s]{0,2000} @                                # before the last @ of the authority;
        |   [^/\\?\#\s:@\[]{0,200} : (?! \d*+ (?:[/?\#\s"']|$) ) \S{0,2000} @ )  # before any, if its port is no number
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PARAMETER = re.compile(r"""(?<=[?&#])([^=&?#\s"'<>]{1,200})=([^&#\s"<>]*[^&#\s"'<>,:;)\]}])""")
_PROXY_USER = re.compile(r"""(?<![^\s"'\[,])((?:[a-z][\w+.-]{0,20}:)?//)?[^\s"'\[,]*@""", re.IGNORECASE)
_NAMED = re.compile(r"""(?<![\w?&#.-])["']?([A-Za-z_][\w.-]*+)["']?\s*+[=:](?!//)""")


def masked(text: str) -> str:
    """`text` as it may be shown: `***` stands for the secrets of the URLs in it."""
    return in_urls(text, user=f"{HIDDEN}@", value=HIDDEN)


def masked_proxy(text: str) -> str:
    """`text`, which holds addresses of proxies, as it may be shown: such an address needs no scheme."""
    return in_proxies(text, user=f"{HIDDEN}@")


def masked_store(text: str) -> str:
    """`text`, which holds the address of a store, as it may be shown, also if its password is not written as it should.

    All before the last `@` may be a password, and a parameter may be one.
    """
    return masked(masked_proxy(text))


def in_proxies(text: str, *, user: str) -> str:
    """`text`, which holds addresses of proxies, with their credentials replaced by `user`."""
    return _PROXY_USER.sub(lambda found: f"{found[1] or ''}{user}", text)


def in_urls(text: str, *, user: str, value: str) -> str:
    """`text` with its URLs' credentials replaced by `user`, and values of secret parameters by `value`."""
    if "@" in text:
        text = _USER.sub(lambda found: f"{found[1]}{user}", text)
    if "=" in text:
        text = _PARAMETER.sub(_replacing(value), text)
    return text


def _replacing(value: str) -> Callable[[re.Match[str]], str]:
    def replaced(found: re.Match[str]) -> str:
        return f"{found[1]}={value}" if is_secret(unquote_plus(found[1])) else found[0]

    return replaced


def names_secret(text: str) -> bool:
    """Whether `text`, perhaps a table of TOML or an object of JSON, gives a value to what is secret by its name."""
    return any(is_secret(found[1]) for found in _NAMED.finditer(text))
