"""Who the console lets in: this machine, by its own name, through no proxy, from its own page."""

import socket
import urllib.error
import urllib.request

import pytest

SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def status(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_not_through_a_proxy_and_not_by_another_name(scripted):
    for path in ("/console", "/console/app.js", "/turns", "/metrics"):
        assert status(scripted.http + path) == 200
        assert status(scripted.http + path, **{"X-Forwarded-For": "198.51.100.1"}) == 404
        assert status(scripted.http + path, Host="evil.example") == 404


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_no_other_page_can_open_its_socket(scripted, origin):
    host, _, port = scripted.http.removeprefix("http://").rpartition(":")
    headers = {**SOCKET, "Host": f"{host}:{port}", **({"Origin": origin} if origin else {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"GET /console/socket HTTP/1.1\r\n{lines}\r\n".encode())
        assert b" 403 " in raw.recv(200)


@pytest.mark.parametrize("name", ["..%2fsite.py", "../site.py", "nothing.js", "index.html%00", "%2e%2e/site.py"])
def test_only_its_own_files(scripted, name):
    assert status(f"{scripted.http}/console/{name}") in ({200} if name == "index.html" else {400, 404})


def test_off_in_prod(start_scripted):
    assert status(start_scripted(NEXY_ENV="prod").http + "/console") == 404
