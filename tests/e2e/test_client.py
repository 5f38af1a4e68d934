"""The Python client and `nexy ask` against a real server process."""

import pytest
from nexy_core.client import Client, End

from tests.e2e.test_bad_input import nexy
from tests.e2e.test_foreign_clients import certificate


@pytest.mark.long
async def test_a_client_that_waits_and_looks_whether_the_server_lives_is_not_cut_off(scripted):
    async with Client(scripted.address) as client:
        events = [event async for event in client.ask("say Hi. [[llm.last.sleep.45000]]")]
        assert events[-1] == End("COMPLETED")
        assert await client.health() == "SERVING"


def test_ask_over_tls_with_a_certificate_of_ones_own(start_scripted, tmp_path):
    certificate(tmp_path, "own")
    server = start_scripted(NEXY_TLS__CERT=str(tmp_path / "cert.pem"), NEXY_TLS__KEY=str(tmp_path / "key.pem"))
    where = ("--server", server.address.replace("127.0.0.1", "localhost"), "--mute")
    done = nexy("ask", "say Safe.", *where, "--ca", str(tmp_path / "cert.pem"), cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "Safe."), done.stderr
    strange = nexy("ask", "say Safe.", *where, "--tls", cwd=tmp_path)
    assert strange.returncode == 1
    assert "--ca FILE" in strange.stderr
    assert "Traceback" not in strange.stderr
