"""Clients that are not ours: grpcurl, health checks, TLS with a certificate that changes under way."""

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.wire import ask

SERVICE = "streaming.StreamingService"
GRPCURL = Path(sys.executable).with_name("grpcurl")


def grpcurl(*arguments):
    done = subprocess.run([GRPCURL, "-plaintext", *arguments], capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


@pytest.mark.skipif(not GRPCURL.exists() and not shutil.which("grpcurl"), reason="needs grpcurl: uv sync installs it")
def test_grpcurl_lists_describes_and_calls_when_reflection_is_on(start_scripted):
    server = start_scripted(NEXY_GRPC__REFLECTION="true")
    assert SERVICE in grpcurl(server.address, "list")
    assert "StreamAudio" in grpcurl(server.address, "describe", SERVICE)
    assert "SERVING" in grpcurl(server.address, "grpc.health.v1.Health/Check")
    answer = grpcurl("-d", json.dumps({"hardwareId": "A"}), server.address, f"{SERVICE}/InterruptSession")
    assert json.loads(answer)["success"] is True


def test_reflection_is_off_in_prod(start_scripted):
    server = start_scripted(NEXY_ENV="prod")
    assert "does not support the reflection API" in grpcurl(server.address, "list")


def test_health_answers_for_the_server_and_the_service_and_watch_follows(scripted):
    with grpc.insecure_channel(scripted.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        serving = health_pb2.HealthCheckResponse.SERVING
        for name in ("", SERVICE):
            assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == serving
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert next(watch).status == serving
        watch.cancel()
        with pytest.raises(grpc.RpcError) as unknown:
            stub.Check(health_pb2.HealthCheckRequest(service="nobody"))
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_watch_sees_a_required_plugin_go(start_scripted, tmp_path):
    server = start_scripted()
    with grpc.insecure_channel(server.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        server.process.terminate()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING


def certificate(folder, name):
    """A self-signed certificate for localhost; ``name`` tells one from the next."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(pem)
    return pem


def says(server, pem):
    options = [("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(server.address, grpc.ssl_channel_credentials(pem), options) as channel:
        return ask(StreamingServiceStub(channel), "say Safe.")


def test_tls_and_a_certificate_that_is_replaced_under_way(start_scripted, tmp_path):
    first = certificate(tmp_path, "first")
    server = start_scripted(NEXY_TLS__CERT=str(tmp_path / "cert.pem"), NEXY_TLS__KEY=str(tmp_path / "key.pem"))
    assert says(server, first).text == "Safe."
    second = certificate(tmp_path, "second")
    assert says(server, second).text == "Safe."
    assert says(server, first).error is not None
