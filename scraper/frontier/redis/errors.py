"""redis-py's errors in one line each, which says what to do."""

import os
import ssl

from scraper.errors import StorageError

PERMISSIONS = "+@read +@write -@dangerous +bgrewriteaof +eval +evalsha +info +select +time ~scraper:*"
"""What a user needs, as `ACL SETUSER` takes it."""

OTHER_SERVER = ("READONLY", "LOADING", "MASTERDOWN", "BUSY")
"""How errors begin of a server that cannot write now, and by the time it can may not have what it had."""


def broken(shown: str, what: str) -> StorageError:
    """The job that is `shown` as this is not as it was written, in `what` way."""
    remedy = "it was changed by something else. Start over with --fresh, or delete the job's keys"
    return StorageError(f"{shown}: {what}: {remedy}")


def is_another_server(error: Exception) -> bool:
    """Whether the server is not any more what it was when the worker joined."""
    return _code(error) in OTHER_SERVER


def reason(error: Exception, timeout: float) -> str:
    """What goes on after the server's URL. `timeout` (seconds) is how long a reply may take."""
    from redis import exceptions

    text = " ".join(str(error).split()).rstrip(".")
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            return f"refuses the user or the password: {text}"
        case exceptions.TimeoutError():
            return f"did not answer within {timeout:g} s"
    if (code := _code(error)) in _ANSWERS:
        return _ANSWERS[code].format(text)
    return _unreachable(error, text) if isinstance(error, exceptions.ConnectionError) else f"answered: {text}"


_ANSWERS = {
    "LOADING": "is loading its data: try again in a moment",
    "NOPERM": f"refuses a command or a key: {{}}. Allow them: ACL SETUSER … {PERMISSIONS}",
    "OOM": "is full: nothing was written. Raise its maxmemory, and run the same command again",
    "READONLY": "is a replica, which cannot be written to: use its primary",
    "MASTERDOWN": "is a replica without its primary: use the primary",
    "BUSY": "is busy with another script: try again in a moment",
    "MISCONF": "cannot save its data, so it accepts no more: see its log, its disk may be full",
    "NOREPLICAS": "has too few replicas, so it accepts no more: see min-replicas-to-write",
}

_FORBIDDEN = ("The user executing the script can't", "ACL failure in script")
"""How Redis 7 says NOPERM of a command in a script."""


def _code(error: Exception) -> str:
    """The first word of what the server said, which redis-py takes away from errors that have their own class."""
    from redis import exceptions

    codes = {
        exceptions.BusyLoadingError: "LOADING",
        exceptions.MasterDownError: "MASTERDOWN",
        exceptions.NoPermissionError: "NOPERM",
        exceptions.OutOfMemoryError: "OOM",
        exceptions.ReadOnlyError: "READONLY",
    }
    text = str(error)
    if text.startswith(_FORBIDDEN):
        return "NOPERM"
    return codes.get(type(error)) or text.partition(" ")[0]


def _unreachable(error: Exception, text: str) -> str:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    match cause:
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not trusted: {cause.verify_message}; name its CA with ?ssl_ca_certs=FILE"
        case ssl.SSLError():
            return f"speaks no TLS that is understood ({cause.reason}): use redis:// if it speaks none"
        case OSError() if cause.errno and cause.errno > 0:
            return f"cannot be reached: {os.strerror(cause.errno)}"
    return f"cannot be reached: {text}"
