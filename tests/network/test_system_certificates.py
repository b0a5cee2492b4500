"""aiohttp is imported without reading what the system trusts, which the first TLS connection does."""

import subprocess
import sys

PROGRAM = """
import ssl
import scraper.network
from aiohttp import connector

usual = ssl.create_default_context()
late = connector._SSL_CONTEXT_VERIFIED
print(isinstance(late, ssl.SSLContext), late.verify_mode == usual.verify_mode, late.check_hostname)
print(type(late) is ssl.SSLContext, type(usual) is ssl.SSLContext)
late.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="a.example")
print(type(late) is ssl.SSLContext, late.cert_store_stats() == usual.cert_store_stats())
print(connector._SSL_CONTEXT_UNVERIFIED.get_ca_certs() == usual.get_ca_certs())
"""


def test_certificates_are_read_when_the_first_connection_needs_them() -> None:
    """A context of aiohttp reads what the system trusts when it is first used, and is as any other from then on."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True True True", "False True", "True True", "True"]


def test_where_aiohttp_is_imported_already_nothing_changes() -> None:
    """A program that has imported aiohttp by itself keeps its contexts."""
    program = "import ssl, aiohttp, scraper.network; print(type(aiohttp.connector._SSL_CONTEXT_VERIFIED))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "<class 'ssl.SSLContext'>\n"
