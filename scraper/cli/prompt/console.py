"""The prompt of `scraper shell`: IPython's where it is installed, or Python's own; and code without a prompt.

Code that awaits is compiled to a coroutine, which runs in the loop of the inspection; all other code runs right here.
"""

import ast
import asyncio
import code
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import click

from scraper.cli.prompt.session import Session
from scraper.errors import ScraperError
from scraper.version import __version__
from scraper.views.formatting import told

AWAITING = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
MOST = 2000  # lines of history that are kept


def converse(session: Session) -> None:
    """Have the user type, until the end."""
    if find_spec("IPython") is not None:
        _converse_in_ipython(session)
    else:
        _converse_plainly(session)


def evaluate(session: Session, text: str) -> None:
    """Run `text`; print what it evaluates to if it is an expression. Raises `ScraperError` for whatever it raises."""
    text = text.removeprefix("\ufeff")  # which Windows pipes
    try:
        try:
            compiled = compile(text.strip(), "<code>", "eval", flags=AWAITING)
        except SyntaxError:
            compiled = compile(text, "<code>", "exec", flags=AWAITING)
        value = _run(session, compiled)
    except (ScraperError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise ScraperError(told(error)) from error
    if value is not None:
        click.echo(value if isinstance(value, bytes | str) else str(value))


def _run(session: Session, compiled: CodeType) -> Any:
    """Run compiled code with the names of the session; what it awaits, in the loop."""
    value = FunctionType(compiled, session.names)()
    return session.run(value) if compiled.co_flags & inspect.CO_COROUTINE else value


def _banner(session: Session) -> str:
    return f"scraper {__version__}, Python {sys.version.partition(' ')[0]}. At hand:\n{session.help()}"


# Python's own.


class Console(code.InteractiveConsole):
    """Python's prompt, at which `await` works, and what a site did wrong is one line."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.names, filename="<console>")
        self.compile.compiler.flags |= AWAITING
        self._session = session

    def runcode(self, code: CodeType) -> None:
        """Run what was typed."""
        try:
            _run(self._session, code)
        except SystemExit:
            raise
        except ScraperError as error:
            click.echo(told(error), err=True)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
        except BaseException as error:
            self._show(error)

    def _show(self, error: BaseException) -> None:
        """The traceback of `error`, from what was typed on."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != self.filename:
            trace = trace.tb_next
        self.write("".join(traceback.format_exception(type(error), error, trace or error.__traceback__)))


def _converse_plainly(session: Session) -> None:
    keep = _with_readline(session)
    try:
        Console(session).interact(banner=_banner(session), exitmsg="")
    except SystemExit:
        pass
    finally:
        keep()


def _with_readline(session: Session) -> Callable[[], None]:
    """Complete names with the tab key, and recall what was typed before; returns what keeps the history."""
    try:
        import readline
        from rlcompleter import Completer
    except ImportError:
        return lambda: None
    readline.set_completer(Completer(session.names).complete)
    readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
    file = history()
    with suppress(OSError):
        readline.read_history_file(file)
    readline.set_history_length(MOST)

    def keep() -> None:
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(file)

    return keep


def history() -> Path:
    """Where Python's own prompt keeps what was typed, by the XDG base directories; IPython has a place of its own."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "scraper" / "shell_history"


# IPython's.


def _converse_in_ipython(session: Session) -> None:
    from IPython.core.interactiveshell import ExecutionResult
    from IPython.terminal.interactiveshell import TerminalInteractiveShell
    from IPython.terminal.ipapp import load_default_config

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return session.run(coroutine)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            return ExecutionResult(None)

    config = load_default_config()
    config.TerminalInteractiveShell.banner1 = f"{_banner(session)}\n"
    prompt = TerminalInteractiveShell.instance(config=config, user_ns=session.names)
    prompt.autoawait = True
    prompt.loop_runner = run
    prompt.set_custom_exc((ScraperError, asyncio.CancelledError), _tell)
    prompt.show_banner()
    prompt.mainloop()


def _tell(prompt: Any, kind: Any, error: BaseException, trace: Any, tb_offset: Any = None) -> list[str]:
    """How IPython shows an error of ours; one that is the user's own doing it does not."""
    if isinstance(error, ScraperError):
        click.echo(told(error), err=True)
    return []
