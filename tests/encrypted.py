"""TLS in front of a server that speaks in the clear, as a proxy would bring it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from urllib.parse import urlsplit

from mail_server import Certificate
from serving import free_port

CHUNK = 1 << 16  # bytes


@contextmanager
def encrypted(url: str, certificate: Certificate) -> Iterator[str]:
    """The same server at an https URL, which the certificate is for."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    port = free_port()
    backend = urlsplit(url)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(backend.hostname, backend.port)
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    async def start() -> asyncio.Server:
        return await asyncio.start_server(pass_on, "127.0.0.1", port, ssl=certificate.context())

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while some := await reader.read(CHUNK):
            writer.write(some)
            await writer.drain()
    finally:
        writer.close()
