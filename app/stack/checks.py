"""What must hold before anything starts. Each failure is one line that says what to do."""

from __future__ import annotations

import errno
import http.client
import socket
import time

import psycopg
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.settings.logs import get_logger
from app.stack.command_errors import Away, CommandError
from app.stack.embedded.redis import server_warnings
from db.core.installation import ping

log = get_logger(__name__)

CONNECT_SECONDS = 5
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, never bound here


def reachable_host(host: str) -> str:
    return EVERY_ADDRESS.get(host, host)


def web_url(host: str, port: int) -> str:
    name = reachable_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def check_port(host: str, port: int, patience: float) -> None:
    """Raise CommandError unless a server could listen there. Waits up to `patience` seconds for a previous one to end."""
    deadline = time.monotonic() + patience
    if patience:
        log.info("looking_for_predecessor", reason="the last `up` was killed, its API may still be finishing")
    while True:
        try:
            return _bind(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise CommandError(_why_not(error, host, port)) from error
        time.sleep(0.1)


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does
        probe.bind(address)
        probe.listen(1)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"PORT {port} is in use on {host}: stop what listens there, or set PORT to a free one"
    if error.errno == errno.EACCES:
        return f"PORT {port} needs more rights than this account has: set PORT to one above 1023"
    return f"HOST {host} is not an address of this machine ({error.strerror}): set HOST, for example to 127.0.0.1"


def check_database(name: str, url: str) -> None:
    """Raise CommandError unless the server answers. `name` is the setting."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as conn:
            ping(conn)
    except psycopg.Error as error:
        reason = first_line(error)
        raise Away(f"{name} does not answer ({reason}): start that server, or correct {name}") from error


def check_redis(url: str) -> list[str]:
    """Warnings about the configured server. Raises CommandError if it does not answer, or would lose jobs."""
    try:
        client = Redis.from_url(
            url,
            socket_timeout=CONNECT_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return server_warnings(client)
        finally:
            client.close()
    except (RedisError, ValueError) as error:
        reason = first_line(error)
        raise Away(f"REDIS_URL does not answer ({reason}): start that server, or correct REDIS_URL") from error


def first_line(error: BaseException) -> str:
    # libpq adds advice in further lines.
    return (str(error).splitlines() or [type(error).__name__])[0].strip(" :")


def is_healthy(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(reachable_host(host), port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
