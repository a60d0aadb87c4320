"""TLS before a server that speaks none. No assertion about pyjobs may live here."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from support.running import Loop


def certificate(folder: Path, name: str) -> Path:
    """A self-signed one for localhost; its key lies beside it."""
    path = folder / f"{name}.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(path.with_suffix(".key")), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    return path


@contextmanager
def encrypted(url: str, crt: Path) -> Iterator[int]:
    """The port of a door to the server at `url` that speaks TLS only."""
    target = urlsplit(url)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(crt, crt.with_suffix(".key"))

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(1 << 16):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(pass_on(reader, inner[1]), pass_on(inner[0], writer))

    async def close() -> None:
        door.close()

    loop = Loop()
    door = loop.do(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    try:
        yield door.sockets[0].getsockname()[1]
    finally:
        loop.do(close())
        loop.close()
