"""What a power failure leaves: only what was brought to the disk."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Bring a file, or the names of the files in a folder, to the disk (fsync). Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
