"""Run an nginx of our own, on a port of the loopback, for as long as a block lasts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = """daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log error;
events {{ worker_connections 512; }}
http {{
    types {{ text/html html; text/plain txt; }}
    charset utf-8;
    access_log off;
    log_not_found off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
    open_file_cache max=100000 inactive=1h;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    server {{ listen 127.0.0.1:{port}; root {folder}/pages; index index.html; }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serve(folder: Path, port: int) -> Iterator[None]:
    """Serve `folder/pages` on the port; everything else that nginx writes goes to `folder` too."""
    nginx = shutil.which("nginx")
    if nginx is None:
        raise SystemExit("nginx is not on the PATH; on Debian and Ubuntu: apt-get install nginx-light")
    folder = folder.resolve()
    config, log = folder / "nginx.conf", folder / "nginx.log"
    config.write_text(CONFIG.format(folder=folder, port=port))
    log.write_text("")
    with subprocess.Popen([nginx, "-e", log, "-p", folder, "-c", config], stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_open(port, process, log)
            yield
        finally:
            process.terminate()


def wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"nginx ended with status {process.returncode}: {log.read_text().strip()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"nginx did not open port {port} within 10 seconds: {log.read_text().strip()}")
