"""The command `scraper`, and `python -m scraper`: from the first moment of the process to its last.

Whatever is imported before Ctrl-C is heard makes the time longer in which it ends in a traceback.
"""

import sys

from scraper.process.signals import INTERRUPTED, Leaving, leave_on_interrupt

LINE = "scraper: interrupted\n"


def main() -> None:
    """Run the command; its exit status is that of the process, also if Ctrl-C comes while that ends."""
    leave_on_interrupt(Leaving(LINE))
    from scraper.process.standard_streams import Dispensable, fill

    fill()
    sys.stderr = Dispensable(sys.stderr)
    from scraper.cli import main as command

    status = INTERRUPTED
    try:
        command(prog_name="scraper")
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        raise
    except KeyboardInterrupt:
        Leaving(LINE).leave()
    finally:
        leave_on_interrupt(Leaving(status=status))


if __name__ == "__main__":
    main()
