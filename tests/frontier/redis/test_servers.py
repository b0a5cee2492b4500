"""Servers that a job cannot be kept on, and what is said of them: one line each, without a password."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from scraper.errors import ScraperError, SettingsError, StorageError
from scraper.frontier.redis.store import RedisStore
from scraper.frontier.store import ITEMS, SEEDS, Commit, Unit
from scraper.protocols import LeaseLost
from tests.frontier.redis.desk import A, B, Desk, join, take, waiting
from tests.redis_server import RedisServer

Start = Callable[..., RedisServer]
SECRET = "sesame-p4ss"
PERMISSIONS = "+@read +@write -@dangerous +bgrewriteaof +eval +evalsha +info +select +time ~scraper:{books}:*"


async def refused(url: str, kind: type[ScraperError] = StorageError, *, lease: float = 40) -> str:
    """What is said of a server that cannot be joined."""
    store = RedisStore(url, "books", lease=lease, keep=1000, timeout=10)
    try:
        with pytest.raises(kind) as error:
            await store.look()
        assert not isinstance(error.value, LeaseLost)
        with pytest.raises(kind):
            await store.join(b"D", replaces=None, fresh=False)
    finally:
        await store.close()
    text = str(error.value)
    assert SECRET not in text
    assert "\n" not in text
    return text


async def test_no_server(start: Start) -> None:
    """Where nothing listens, the error says so and names the address."""
    server = start()
    server.kill()
    url = server.url.replace("//", f"//user:{SECRET}@")
    text = await refused(url)
    assert text == f"redis://***@127.0.0.1:{server.port}/0 cannot be reached: Connection refused"
    assert "cannot be reached: No such file or directory" in await refused("unix:///nowhere/redis.sock")
    assert "cannot be reached" in await refused("redis://nowhere.invalid")


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://host", "scheme"),
        ("redis://host:port", "Port could not be cast"),
        ("redis://host/books", "the database after the host is a number, not 'books'"),
        ("redis://host/0?frobnicate=1", "frobnicate"),
        ("redis://host/0?socket_timeout=soon", "socket_timeout"),
        (f"redis://user:{SECRET}@[host/0", "Invalid IPv6 URL"),
    ],
)
async def test_an_address_that_is_none(url: str, what: str) -> None:
    """A URL that does not say where a Redis is, or has options that there are not, is a wrong setting."""
    text = await refused(url, SettingsError)
    assert what in text
    assert "is no address of Redis" in text


async def test_the_extra_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without redis-py the error names the extra."""
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    assert (await refused("redis://host", SettingsError)).endswith("needs the extra: pip install 'scraper[redis]'")


async def test_a_wrong_password(start: Start) -> None:
    """A password that is wrong, missing, or not expected is refused, and not shown."""
    server = start("--requirepass", "right")
    assert "refuses the user or the password" in await refused(server.url.replace("//", f"//:{SECRET}@"))
    assert "refuses the user or the password" in await refused(server.url)
    open_to_all = start()
    assert "refuses the user or the password" in await refused(open_to_all.url.replace("//", f"//:{SECRET}@"))


async def test_a_user_with_few_permissions(start: Start, desk_at: Callable[..., Desk]) -> None:
    """The commands and keys that are documented suffice for all that a job needs; what lacks is named."""
    desk = desk_at(start())
    desk.redis.execute_command("ACL", "SETUSER", "crawler", "on", f">{SECRET}", *PERMISSIONS.split())
    url = desk.server.url.replace("//", f"//crawler:{SECRET}@")
    first, second = desk.store(url), desk.store(url)
    await join(first)
    await join(second)
    await take(first, A, SEEDS, ITEMS)
    unit = waiting(1, 2)
    unit.failed, unit.fingerprints, unit.memory = [(1, A, "u", "r", b"q", True)], bytes(3000), [("p", "k", b"v")]
    await first.commit(Commit({A: unit}, {B: [b"x"]}, b"items", b"s", seeds=b"x", seeds_ended=True, stop="s"))
    await second.commit(Commit(wanted=[A]))
    await first.read(A, A, None, 1)
    await first.commit(Commit({A: Unit(gone=[(A, 0, 1)], memory=[("p", "k", None)], released=True)}))
    await second.take(9)
    await second.found(B, 1)
    await second.commit(Commit({B: Unit(drained=1)}))
    await first.batches(0, 9)
    await first.collect(1, b"p", [])
    await first.finish(b"o")
    await first.leave()
    desk.expire(desk.tokens()[0])
    await first.look()
    await join(first, fresh=True)
    await first.leave()
    desk.redis.execute_command("ACL", "SETUSER", "crawler", "resetkeys", "~scraper:{other}:*")
    assert "refuses a command or a key: " in (text := await refused(url))
    assert "+@read +@write -@dangerous +bgrewriteaof +eval +evalsha +info +select +time ~scraper:*" in text
    desk.redis.execute_command("ACL", "SETUSER", "crawler", "resetkeys", "~scraper:*", "-info")
    assert "'info' command" in await refused(url)


async def test_a_permission_that_is_taken_away(start: Start, desk_at: Callable[..., Desk]) -> None:
    """A commit that is not permitted is not written, not even half."""
    desk = desk_at(start())
    desk.redis.execute_command("ACL", "SETUSER", "crawler", "on", f">{SECRET}", *PERMISSIONS.split())
    store = desk.store(desk.server.url.replace("//", f"//crawler:{SECRET}@"))
    await join(store)
    await take(store, A)
    desk.redis.execute_command("ACL", "SETUSER", "crawler", "-@all", "+ping")
    with pytest.raises(StorageError, match="refuses a command or a key"):
        await store.commit(Commit({A: waiting(1)}))
    assert f"w:{A}" not in desk.stored()
    for lacks in ("-zadd", "-time", "-hgetall"):  # what only scripts call
        desk.redis.flushall()
        allowed = ["on", f">{SECRET}", *PERMISSIONS.split(), lacks]
        desk.redis.execute_command("ACL", "SETUSER", "crawler", "reset", *allowed)
        with pytest.raises(StorageError, match=r"refuses a command or a key: .*\. Allow them: ACL SETUSER") as error:
            await join(desk.store(desk.server.url.replace("//", f"//crawler:{SECRET}@")))
        assert SECRET not in str(error.value)


async def test_a_server_that_deletes_keys(start: Start, desk_at: Callable[..., Desk]) -> None:
    """A server that deletes any keys when it is full is refused; one that deletes those that expire is not."""
    server = start("--maxmemory-policy", "allkeys-lru")
    assert "deletes keys when its memory is full (maxmemory-policy allkeys-lru): set" in await refused(server.url)
    desk = desk_at(server)
    desk.redis.config_set("maxmemory-policy", "volatile-lru")
    await desk.worker()


async def test_a_cluster(start: Start) -> None:
    """A server that is one of a cluster is refused."""
    server = start("--cluster-enabled", "yes")
    assert "is a cluster, which cannot hold a job: use a single server" in await refused(server.url)


async def test_a_replica(start: Start, desk_at: Callable[..., Desk]) -> None:
    """A replica is refused, with the address of its primary; a worker whose server becomes one loses its lease."""
    primary, replica = start(), start()
    desk, other = desk_at(primary), desk_at(replica)
    store = await other.worker()
    other.redis.replicaof("127.0.0.1", primary.port)
    with pytest.raises(LeaseLost):
        await store.commit(Commit(found={A: [b"x"]}))
    assert f"is a replica: use its primary, 127.0.0.1:{primary.port}" in await refused(replica.url)
    await desk.worker()


async def test_a_full_server(start: Start, desk_at: Callable[..., Desk]) -> None:
    """A commit to a server whose memory is full is not written at all; the worker stays one, and can hand over."""
    desk = desk_at(start())
    store, other = await desk.worker(), await desk.worker()
    await take(store, A, ITEMS)
    await store.commit(Commit({A: waiting(1)}, items=b"items"))
    await store.refresh()
    await other.refresh()
    desk.redis.config_set("maxmemory", 1)
    before = {key: desk.redis.dump(desk.key(key)) for key in desk.stored() - {"workers", "meta"}}
    commit = Commit({A: waiting(2)}, {B: [b"x"]}, b"more")
    match = "is full: nothing was written. Raise its maxmemory, and run the same command again"
    with pytest.raises(StorageError, match=match) as full:
        await store.commit(commit)
    assert not isinstance(full.value, LeaseLost)
    with pytest.raises(StorageError, match="is full"):
        await other.take(1, names=[B])
    with pytest.raises(StorageError, match="is full"):
        await desk.store().join(b"D", replaces=b"D", fresh=False)
    await store.refresh()
    assert {key: desk.redis.dump(desk.key(key)) for key in desk.stored() - {"workers", "meta"}} == before
    await store.collect(1, b"positions", [])
    await other.leave()
    desk.redis.config_set("maxmemory", 0)
    assert (await store.commit(commit)).backlog == 4
    await store.collect(2, b"positions", [])
    desk.redis.config_set("maxmemory", 1)
    await store.finish(b"done")
    await store.leave()


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """Makes a server that answers the same to whatever it is asked; if that is nothing, it hangs up."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(listening: socket.socket, answer: bytes) -> None:
        try:
            while True:
                client, _ = listening.accept()
                with client:
                    while answer and (asked := client.recv(1000)):
                        client.sendall(answer * (asked.count(b"\r\nCLIENT\r\n") + asked.count(b"\r\nINFO\r\n")))
        except OSError:
            return

    def made(answer: bytes) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)
        threads.append(threading.Thread(target=serve, args=(listening, answer)))
        threads[-1].start()
        return f"redis://127.0.0.1:{listening.getsockname()[1]}"

    yield made
    for each in sockets:
        each.shutdown(socket.SHUT_RDWR)
        each.close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "is loading its data: try again in a moment"),
        (b"-ERR max number of clients reached\r\n", "cannot be reached: max number of clients reached"),
        (b"-DENIED Redis is running in protected mode\r\n", "answered: DENIED Redis is running in protected mode"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "answered: Protocol Error"),
        (b"\x15\x03\x03\x00\x02\x02\x46\r\n", "If it speaks TLS, use rediss://"),  # an alert
        (b"", "If it speaks TLS, use rediss://"),
        (b"$20\r\nredis_version:5.0.7\n\r\n", "is Redis 5.0.7: it must be 6.2 or newer"),
    ],
)
async def test_what_servers_say(answering: Callable[[bytes], str], answer: bytes, what: str) -> None:
    """A server that is not ready, too old, or no Redis, is refused with what it says."""
    assert what in await refused(answering(answer))


async def test_a_server_that_says_nothing() -> None:
    """A server that accepts connections and does not answer is given up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        text = await refused(f"redis://127.0.0.1:{listening.getsockname()[1]}", lease=0.4)
    assert text.endswith("did not answer within 0.1 s")


async def test_tls(start: Start, tmp_path: Path, desk_at: Callable[..., Desk]) -> None:
    """With rediss:// a server has to show a certificate that is trusted, for the host that was asked for."""
    authority = trustme.CA()
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    options = ["--tls-auth-clients", "no", "--tls-ca-cert-file", str(ca)]
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for number, pem in enumerate(issued.cert_chain_pems):
        pem.write_to_path(tmp_path / "cert.pem", append=number > 0)
    options += ["--tls-key-file", str(tmp_path / "key.pem"), "--tls-cert-file", str(tmp_path / "cert.pem")]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        server = start(*options, "--tls-port", str(port))
    except RuntimeError:
        pytest.skip("needs a Redis that is built with TLS")
    desk = desk_at(server)
    store = desk.store(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca}")
    await join(store)
    await store.leave()
    text = await refused(f"rediss://127.0.0.1:{port}/0")
    assert "has a certificate that is not trusted: " in text
    assert "?ssl_ca_certs=FILE" in text
    text = await refused(f"rediss://localhost:{port}/0?ssl_ca_certs={ca}")
    assert "has a certificate that is not trusted: Hostname mismatch" in text
    text = await refused(f"rediss://127.0.0.1:{server.port}/0", lease=2)
    assert text.endswith("did not answer within 0.5 s. If it speaks no TLS, use redis://")
    assert "If it speaks TLS, use rediss://" in await refused(f"redis://127.0.0.1:{port}/0")
