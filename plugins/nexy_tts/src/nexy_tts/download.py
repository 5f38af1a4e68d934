"""Downloads that survive bad networks and believe nobody: sized, checked, resumed, put in place in one step."""

import errno
import fcntl
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

import attrs

from nexy_core import Unavailable

Progress = Callable[[int], None]

_BLOCK_BYTES = 64 * 1024
_ATTEMPTS = 4  # in a row that bring less than a twentieth of the file
_PROGRESS_SHARE = 20
_MAX_FILE_BYTES = 2 * 1024**3
_SLOWEST_BYTES_PER_SECOND = 1024  # below it, on average, a server counts as stalled
_TOO_SLOW = "the server is too slow"
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


@attrs.frozen
class Source:
    """A file elsewhere: where it is, how large, and the digest (``algorithm`` as in ``hashlib``) it must have."""

    url: str
    size_bytes: int
    algorithm: str
    digest: str


class _Failed(Exception):
    """One attempt failed; the text says why."""


def fetch_bytes(url: str, max_bytes: int, timeout_seconds: float) -> bytes:
    """The whole answer of ``url``. Raises ``Unavailable``, also when it is larger than ``max_bytes`` or drips."""
    data, deadline = bytearray(), time.monotonic() + timeout_seconds
    try:
        with closing(_open(url, 0, timeout_seconds)) as answer:
            while len(data) <= max_bytes and (block := answer.read1(_BLOCK_BYTES)):
                data += block
                deadline += len(block) / _SLOWEST_BYTES_PER_SECOND
                if time.monotonic() > deadline:
                    raise _unavailable(url, _TOO_SLOW)
    except _NETWORK_ERRORS as error:
        raise _unavailable(url, _why(error)) from error
    if len(data) > max_bytes:
        raise _unavailable(url, f"it is larger than {max_bytes} bytes")
    return bytes(data)


def download(source: Source, target: Path, timeout_seconds: float, progress: Progress) -> None:
    """Bring ``source`` to ``target``, going on where an earlier try stopped.

    ``timeout_seconds`` bounds every silence of the server; ``progress`` is told how many bytes are there.
    ``target`` appears complete and checked, or not at all. Raises ``Unavailable``.
    """
    if not 0 < source.size_bytes <= _MAX_FILE_BYTES:
        raise _unavailable(source.url, f"a size of {source.size_bytes} bytes makes no sense")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _complete(source, file, timeout_seconds, progress)
            os.fsync(file.fileno())
            part.replace(target)
    except OSError as error:
        raise _unavailable(source.url, _explain(error, target.parent)) from error


def _complete(source: Source, file: IO[bytes], timeout_seconds: float, progress: Progress) -> None:
    failures = 0
    while failures < _ATTEMPTS:
        before = file.tell()
        try:
            _fill(source, file, timeout_seconds, progress)
            _check(source, file)
        except _Failed as error:
            progress_made = (file.tell() - before) * _PROGRESS_SHARE >= source.size_bytes
            failures = 1 if progress_made else failures + 1
            reason = str(error)
        else:
            return
    raise _unavailable(source.url, reason)


def _fill(source: Source, file: IO[bytes], timeout_seconds: float, progress: Progress) -> None:
    """Add what is missing. Raises ``_Failed``; the file then holds what came."""
    if file.tell() >= source.size_bytes:
        return
    try:
        with closing(_open(source.url, file.tell(), timeout_seconds)) as answer:
            _restart_unless_partial(answer, file)
            _copy(answer, file, source.size_bytes, time.monotonic() + timeout_seconds, progress)
    except urllib.error.HTTPError as error:
        _empty(file)  # a server that cannot resume says so with a status
        raise _Failed(f"the server answered {error.code}") from error
    except _WriteFailed:
        raise
    except _NETWORK_ERRORS as error:
        raise _Failed(f"the connection failed ({_why(error)})") from error
    if file.tell() < source.size_bytes:
        raise _Failed(f"only {file.tell()} of {source.size_bytes} bytes came")


def _copy(answer: Any, file: IO[bytes], size_bytes: int, deadline: float, progress: Progress) -> None:
    while file.tell() <= size_bytes and (block := answer.read1(_BLOCK_BYTES)):
        _write(file, block)
        progress(min(file.tell(), size_bytes))
        deadline += len(block) / _SLOWEST_BYTES_PER_SECOND
        if time.monotonic() > deadline:
            raise _Failed(_TOO_SLOW)


class _WriteFailed(OSError):
    """The disk, not the network."""


def _write(file: IO[bytes], block: bytes) -> None:
    try:
        file.write(block)
        file.flush()
    except OSError as error:
        raise _WriteFailed(error.errno, error.strerror) from error


def _check(source: Source, file: IO[bytes]) -> None:
    """Raises ``_Failed`` and empties the file when it is not what was promised."""
    size, digest = file.tell(), _digest(source.algorithm, Path(file.name))
    if size == source.size_bytes and digest == source.digest:
        return
    _empty(file)
    raise _Failed("the checksum is wrong" if size == source.size_bytes else "the server sent too much")


def _digest(algorithm: str, path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _restart_unless_partial(answer: Any, file: IO[bytes]) -> None:
    """A server may ignore the range and send everything, or send another part than was asked for."""
    wanted = f"bytes {file.tell()}-"
    if answer.status != HTTPStatus.PARTIAL_CONTENT:
        _empty(file)
    elif not str(answer.headers.get("Content-Range", "")).startswith(wanted):
        _empty(file)
        raise _Failed("the server sent another part than was asked for")


def _empty(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def _open(url: str, offset: int, timeout_seconds: float) -> Any:
    if not url.startswith(("https://", "http://")):
        raise _unavailable(url, "only http and https are possible")
    request = urllib.request.Request(url, headers={"User-Agent": "nexy-tts"})  # noqa: S310  # checked above
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    return _opener().open(request, timeout=timeout_seconds)


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS only: the usual opener also reads local files, and a redirect could ask for one."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _explain(error: OSError, folder: Path) -> str:
    if error.errno in {errno.EAGAIN, errno.EACCES} and isinstance(error, BlockingIOError):
        return "another download of it is running"
    if error.errno == errno.ENOSPC:
        return f"no space left in {folder}"
    return f"{error.strerror or error} ({folder})"


def _why(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error or type(error).__name__)


def _unavailable(url: str, why: str) -> Unavailable:
    name = url.partition("?")[0].rpartition("/")[2]
    return Unavailable(f"{name} was not downloaded: {why}.", reason="download_failed")
