"""Stages the pages in a temporary folder and has Zensical build them, strictly."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from docs.site.llms import full, index
from docs.site.pages import Page, navigation, pages

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("zensical.toml")
EXTRA = ("zensical", "mkdocstrings")


def build(target: Path) -> int:
    """Build the site into `target`, which is replaced. The exit status: 0, or that of a build that failed."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        sys.stderr.write(f"not installed: {', '.join(missing)}; pip install '.[docs]'\n")
        return 2
    found = pages(ROOT)
    with TemporaryDirectory() as folder:
        stage(found, Path(folder))
        command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if status := subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
            return status
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(Path(folder, "site"), target)
    for page in found:
        (target / page.name).write_text(page.plain, encoding="utf-8")
    (target / "llms.txt").write_text(index(found), encoding="utf-8")
    (target / "llms-full.txt").write_text(full(found), encoding="utf-8")
    sys.stdout.write(f"{target} has {len(found)} pages: open {target / 'index.html'}\n")
    return 0


def stage(found: list[Page], folder: Path) -> None:
    """Write the pages, and the configuration with their order, into `folder`."""
    (folder / "docs").mkdir()
    for page in found:
        (folder / "docs" / page.name).write_text(page.text, encoding="utf-8")
    config = CONFIG.read_text(encoding="utf-8").replace("nav = []", f"nav = {navigation(found)}")
    (folder / "zensical.toml").write_text(config, encoding="utf-8")
