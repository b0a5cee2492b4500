"""Put the made-up shop on disk as static pages; as a command, serve it too, for experiments.

python benchmarks/shop.py --serve 8900 FOLDER
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from catalogue import Shop, listing_path, product_path
from nginx import free_port, serve
from pages import index_page, listing_page, product_page


def write(shop: Shop, folder: Path) -> None:
    """Write `folder/pages`; the same shop is kept if it stands there, and another one is replaced."""
    label, root = folder / "shop.json", folder / "pages"
    if label.exists() and json.loads(label.read_text()) == asdict(shop):
        return
    label.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    write_page(root, "/robots.txt", "User-agent: *\nDisallow: /basket/\nDisallow: /account/\n")
    write_page(root, "/", index_page(shop))
    for category in range(shop.categories):
        for number in range(1, shop.listings(category) + 1):
            write_page(root, listing_path(category, number), listing_page(shop, category, number))
    for product in range(shop.products):
        write_page(root, product_path(product), product_page(shop, product))
    label.write_text(json.dumps(asdict(shop)))


def write_page(root: Path, path: str, text: str) -> None:
    file = root / f"{path}index.html"[1:] if path.endswith("/") else root / path[1:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def main() -> None:
    arguments = argparse.ArgumentParser(description="Write the shop below a folder and serve it until Ctrl-C.")
    arguments.add_argument("folder", type=Path, nargs="?", help="where the shop stays; default: a temporary one")
    arguments.add_argument("--serve", type=int, metavar="PORT", help="default: a free port")
    arguments.add_argument("--products", type=int, default=5_000)
    options = arguments.parse_args()
    shop = Shop(products=options.products, port=options.serve or free_port())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with tempfile.TemporaryDirectory(prefix="shop-") as temporary, suppress(KeyboardInterrupt):
        folder = options.folder or Path(temporary)
        write(shop, folder)
        with serve(folder, shop.port):
            print(f"{shop.pages} pages at {shop.url} (Ctrl-C to end)", flush=True)
            signal.pause()


if __name__ == "__main__":
    main()
