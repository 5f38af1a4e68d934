"""How the gRPC server is set up: its limits, and TLS that follows its files."""

from pathlib import Path
from typing import Any

import grpc

from nexy_core.errors import ConfigError
from nexy_core.settings import LiveSettings

PENDING_CALLS = 100_000
LOOKAHEAD_BYTES = 65_536
MS_PER_SECOND = 1000
CLIENT_PING_MS = 5_000
LOOPBACK = ("127.", "localhost", "::1", "[::1]")


def server_options(settings: LiveSettings) -> list[tuple[str, Any]]:
    """Channel arguments for ``grpc.aio.server``."""
    size = settings.get("backpressure.max_message_bytes", int)

    def ms(key: str) -> int:
        return round(settings.get(key, float) * MS_PER_SECOND)

    return [
        ("grpc.so_reuseport", 0),  # else a second server binds the same port silently
        ("grpc.max_receive_message_length", size),
        ("grpc.max_send_message_length", size),
        ("grpc.keepalive_time_ms", ms("grpc.keepalive_seconds")),
        ("grpc.keepalive_timeout_ms", ms("grpc.keepalive_timeout_seconds")),
        # A keepalive waits for gRPC's own pings, which otherwise give a dead peer a minute.
        ("grpc.http2.ping_timeout_ms", ms("grpc.keepalive_timeout_seconds")),
        # A waiting client may look whether the server lives; gRPC's own limit of 5 minutes would end the connection.
        ("grpc.http2.min_ping_interval_without_data_ms", CLIENT_PING_MS),
        ("grpc.server_handshake_timeout_ms", ms("grpc.handshake_timeout_seconds")),
        ("grpc.max_concurrent_streams", settings.get("grpc.max_connection_streams", int)),
        # Above these gRPC drops calls at random, with a bare CANCELLED: admission refuses, and says why.
        ("grpc.server.max_pending_requests", PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", PENDING_CALLS),
        # What a client can push while its handler does not read: about 64 KiB, not 4 MiB.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
    ]


def tls_files(settings: LiveSettings) -> tuple[Path, Path] | None:
    """The certificate chain and its key, where both are set."""
    cert, key = settings.get("tls.cert", str), settings.get("tls.key", str)
    return (Path(cert), Path(key)) if cert and key else None


def exposed_ports(settings: LiveSettings) -> tuple[str, ...]:
    """The ports that others than this machine can reach without TLS: ``grpc``, ``http``."""
    return tuple(
        name
        for name in ("grpc", "http")
        if not settings.get(f"{name}.host", str).startswith(LOOPBACK) and not (name == "grpc" and tls_files(settings))
    )


def reloading_credentials(cert: Path, key: Path) -> grpc.ServerCredentials:
    """TLS credentials that follow their files. Raises ``ConfigError`` when they cannot be read at start."""

    def read() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(key.read_bytes(), cert.read_bytes())])

    try:
        first = read()
    except OSError as error:
        raise ConfigError(f"tls.cert and tls.key: {error}") from None
    seen = [_stamp(cert, key)]

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        stamp = _stamp(cert, key)
        if stamp == seen[0]:
            return None
        seen[0] = stamp
        return read()

    return grpc.dynamic_ssl_server_credentials(first, fetch)  # type: ignore[arg-type]  # None means unchanged


def _stamp(*files: Path) -> tuple[int, ...]:
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)
