"""The HTTP pages: what they should be, cached as they should be, and the private ones private."""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any

import attrs

from nexy_core.smoke.probe import Failure, Probe, Target

DEADLINE_SECONDS = 10.0
MAX_BODY_BYTES = 4 * 1024 * 1024
PRIVATE_PATHS = ("/metrics", "/turns", "/updates/../metrics", "/no-such-page")
IN_GRPC = (
    "the request landed in the gRPC proxy: the path has no exact location, or a regex location wins over it "
    "(docs/troubleshooting-502.md)"
)


@attrs.frozen
class Page:
    """One answer; header names in lower case, each with all its values."""

    status: int
    headers: Mapping[str, list[str]]
    body: bytes

    def kind(self) -> str:
        return ",".join(self.headers.get("content-type", [])).partition(";")[0]

    def is_grpc(self) -> bool:
        return "grpc-status" in self.headers or self.kind().startswith("application/grpc")


def fetch(target: Target, port: int, path: str, method: str = "GET") -> Page:
    """Ask for ``path`` exactly as written. Raises ``Failure`` when nobody answers."""
    connection = _connection(target, port)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        headers: dict[str, list[str]] = {}
        for name, value in response.getheaders():
            headers.setdefault(name.lower(), []).append(value)
        return Page(response.status, headers, response.read(MAX_BODY_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{target.host}:{port} does not answer: {error or type(error).__name__}") from None
    finally:
        connection.close()


def _connection(target: Target, port: int) -> http.client.HTTPConnection:
    if not target.entrance:
        return http.client.HTTPConnection(target.host, port, timeout=DEADLINE_SECONDS)
    try:
        context = ssl.create_default_context(cafile=target.ca_file or None)
    except OSError as error:
        raise Failure(f"the certificate {target.ca_file} cannot be read: {error.strerror}") from None
    return http.client.HTTPSConnection(target.host, port, timeout=DEADLINE_SECONDS, context=context)


def check_page(target: Target, port: int, path: str, kind: str, cache_control: str) -> Page:
    """GET says 200 with this content type and exactly this ``Cache-Control``; HEAD agrees."""
    got, head = fetch(target, port, path), fetch(target, port, path, "HEAD")
    if got.is_grpc() or head.is_grpc():
        raise Failure(f"{path}: {IN_GRPC}")
    if got.status != http.client.OK:
        raise Failure(f"{path}: HTTP {got.status}{_hint(target, got.status)}")
    if got.kind() != kind:
        raise Failure(f"{path}: it is {got.kind() or 'of no type'}, not {kind}")
    for page in (got, head):
        if page.headers.get("cache-control") != [cache_control]:
            raise Failure(f"{path}: Cache-Control is {page.headers.get('cache-control')}, not exactly {cache_control}")
    if head.status != got.status:
        raise Failure(f"{path}: HEAD says {head.status} where GET says {got.status}")
    return got


def _hint(target: Target, status: int) -> str:
    if status == http.client.NOT_FOUND and target.entrance:
        return ": the entrance has no location for it (deploy/nginx/nexy.conf)"
    if status == http.client.BAD_GATEWAY:
        return ": the entrance does not reach the server (docs/troubleshooting-502.md)"
    return ""


def read_json(page: Page, path: str) -> Any:
    try:
        return json.loads(page.body)
    except ValueError:
        raise Failure(f"{path}: it is no JSON") from None


def health(target: Target) -> None:
    """The page that load balancers ask."""
    port = target.grpc_port if target.entrance else target.http_port
    state = read_json(check_page(target, port, "/health", "application/json", "max-age=30"), "/health")
    if not state.get("ready"):
        raise Failure("/health: the server is not ready")


def status_behind_entrance(target: Target) -> None:
    """From outside it tells the state only."""
    page = check_page(target, target.grpc_port, "/status", "application/json", "no-store")
    if set(read_json(page, "/status")) != {"state"}:
        raise Failure("/status tells strangers more than the state: does the entrance set X-Forwarded-For?")


def private_pages(target: Target) -> None:
    """What is for the server's machine alone is not found from outside."""
    for path in PRIVATE_PATHS:
        page = fetch(target, target.grpc_port, path)
        if page.is_grpc():
            raise Failure(f"{path}: {IN_GRPC}")
        if page.status not in {http.client.NOT_FOUND, http.client.BAD_REQUEST}:
            raise Failure(f"{path} answers HTTP {page.status} to strangers; it must not be found")


def status(target: Target) -> None:
    """On the machine itself it tells everything, the version included."""
    found = read_json(check_page(target, target.http_port, "/status", "application/json", "no-store"), "/status")
    if "version" not in found:
        raise Failure("/status does not tell the version: is --host this machine, by its loopback address?")
    if target.version and found["version"] != target.version:
        raise Failure(f"version {found['version']} runs, not {target.version}: was it restarted after the upgrade?")


def updates(target: Target) -> None:
    """The update site is reached, serves something and lets it be cached as it says."""
    port = target.grpc_port if target.entrance else target.updates_port
    page = fetch(target, port, "/updates/health")
    if page.status == http.client.SERVICE_UNAVAILABLE and page.kind() == "application/json":
        reason = read_json(page, "/updates/health").get("reason")
        raise Failure(f"/updates/health: {reason}; publish a release, or check with --no-updates")
    check_page(target, port, "/updates/health", "application/json", "max-age=30")


PROBES: dict[str, Probe] = {"GET and HEAD /health": health}
DIRECT_PROBES: dict[str, Probe] = {"/status and version": status}
ENTRANCE_PROBES: dict[str, Probe] = {"/status, state only": status_behind_entrance, "private pages": private_pages}
UPDATES_PROBES: dict[str, Probe] = {"/updates/health": updates}
