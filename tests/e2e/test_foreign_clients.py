"""Clients that are not ours: grpcurl, health checks, TLS with a certificate that changes under way."""

import datetime as dt
import json
import queue
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
from nexy_core.testing.wire import Received, ask, question

ROOT = Path(__file__).parents[2]
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


def test_a_broken_certificate_leaves_the_old_one_in_use_until_it_is_mended(start_scripted, tmp_path):
    first = certificate(tmp_path, "first")
    server = start_scripted(NEXY_TLS__CERT=str(tmp_path / "cert.pem"), NEXY_TLS__KEY=str(tmp_path / "key.pem"))
    for broken in (b"-----BEGIN CERTIFICATE-----\nhalf", b""):
        (tmp_path / "cert.pem").write_bytes(broken)
        assert says(server, first).text == "Safe."
    (tmp_path / "cert.pem").unlink()
    assert says(server, first).text == "Safe."
    assert says(server, certificate(tmp_path, "second")).text == "Safe."


FOREIGN = """
import sys, uuid
import grpc
import streaming_pb2 as pb
from streaming_pb2_grpc import StreamingServiceStub
options = [("grpc.ssl_target_name_override", "localhost")]
with open(sys.argv[2], "rb") as file, grpc.secure_channel(
    sys.argv[1], grpc.ssl_channel_credentials(file.read()), options
) as channel:
    stub = StreamingServiceStub(channel)
    request = pb.StreamRequest(prompt="say Safe.", hardware_id="A", session_id=str(uuid.uuid4()))
    print([message.WhichOneof("content") for message in stub.StreamAudio(iter([request]))])
    print(stub.InterruptSession(pb.InterruptRequest(hardware_id="A")).success)
    print(stub.ReportUsage(pb.UsageRequest(hardware_id="A", model="m")).success)
    print([message.WhichOneof("content") for message in stub.GenerateWelcomeAudio(pb.WelcomeRequest(text="Hi."))][0])
assert "nexy_core" not in sys.modules
"""


def test_a_client_generated_elsewhere_from_the_proto_alone_speaks_over_tls(start_scripted, tmp_path):
    certificate(tmp_path, "own")
    server = start_scripted(NEXY_TLS__CERT=str(tmp_path / "cert.pem"), NEXY_TLS__KEY=str(tmp_path / "key.pem"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(ROOT / "proto/nexy_core/proto/streaming.proto", elsewhere)
    generate = ["-m", "grpc_tools.protoc", "-I.", "--python_out=.", "--grpc_python_out=.", "streaming.proto"]
    subprocess.run([sys.executable, *generate], cwd=elsewhere, check=True)
    (elsewhere / "foreign.py").write_text(FOREIGN)
    command = [sys.executable, "foreign.py", server.address, tmp_path / "cert.pem"]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    turn, *others = done.stdout.splitlines()
    kinds = json.loads(turn.replace("'", '"'))
    assert (kinds[0], set(kinds[1:-1]), kinds[-1]) == ("text_chunk", {"audio_chunk"}, "end_message")
    assert others == ["True", "True", "metadata"]


@pytest.mark.skipif(not GRPCURL.exists() and not shutil.which("grpcurl"), reason="needs grpcurl: uv sync installs it")
def test_grpcurl_has_a_whole_turn_over_tls_without_reflection(start_scripted, tmp_path):
    certificate(tmp_path, "own")
    server = start_scripted(
        NEXY_ENV="prod", NEXY_TLS__CERT=str(tmp_path / "cert.pem"), NEXY_TLS__KEY=str(tmp_path / "key.pem")
    )
    proto = ["-import-path", ROOT / "proto", "-proto", "nexy_core/proto/streaming.proto"]
    turn = {"prompt": "say Safe.", "hardwareId": "A", "sessionId": "0f3c9c1e-6d0b-4e1c-9c7b-7a3f0b9d2e11"}
    where = f"localhost:{server.address.rpartition(':')[2]}"
    done = subprocess.run(
        [GRPCURL, "-cacert", tmp_path / "cert.pem", *proto, "-d", json.dumps(turn), where, f"{SERVICE}/StreamAudio"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert '"textChunk": "Safe."' in done.stdout
    assert '"endMessage"' in done.stdout.splitlines()[-2]


async def test_the_aio_stub_has_turns_in_both_forms(scripted):
    async with grpc.aio.insecure_channel(scripted.address) as channel:
        stub = StreamingServiceStub(channel)
        received = Received()
        async for message in stub.StreamAudio(iter([question("count 2")])):
            received.take(message)
        assert len(received.pieces) == 2
        assert all(received.audio)
        call = stub.StreamAudio()
        for number in (1, 2):
            received = Received()
            await call.write(question(f"say Turn {number}."))
            while not received.end:
                received.take(await call.read())
            assert received.text == f"Turn {number}."
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


def test_the_sync_stub_has_two_turns_on_one_stream(scripted_stub):
    requests = queue.Queue()
    responses = scripted_stub.StreamAudio(iter(requests.get, None))
    for number in (1, 2):
        received = Received()
        requests.put(question(f"say Turn {number}."))
        while not received.end:
            received.take(next(responses))
        assert received.text == f"Turn {number}."
    requests.put(None)
    assert list(responses) == []
    assert responses.code() is grpc.StatusCode.OK
