#!/usr/bin/python3
"""Two relays before an S3 server, each a process of its own (see proxy_process.py for why).

usage: test/s3/relay.py forward              an HTTP forward proxy: absolute URLs, and CONNECT
       test/s3/relay.py tls PEM KEY PORT     TLS ends here; its bytes go to PORT of loopback

It prints its port and runs until the end of standard input; each line of input is answered by a JSON list of what came
by so far: request lines of the forward proxy, names that clients asked the TLS relay for (SNI, empty for an address).
"""

import asyncio
import contextlib
import json
import ssl
import subprocess
import sys
import urllib.parse

PIECE = 1 << 16


async def pour(reader, writer):
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


async def join(near, far):
    await asyncio.gather(pour(near[0], far[1]), pour(far[0], near[1]))


class ForwardProxy:
    """One request is looked at on each connection; what follows on it goes to the same server."""

    def __init__(self):
        self.seen = []

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, version = head.split("\r\n", 1)[0].split(" ")
            self.seen.append(f"{method} {target}")
            url = urllib.parse.urlsplit(target if method != "CONNECT" else f"//{target}")
            far = await asyncio.open_connection(url.hostname, url.port)
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                rest = f"{url.path}?{url.query}" if url.query else url.path
                lines = [line for line in head.split("\r\n")[1:] if not line.lower().startswith(("proxy-", "connection:"))]
                far[1].write("\r\n".join([f"{method} {rest} {version}", "Connection: close", *lines]).encode("latin-1"))
            await join((reader, writer), far)


class TlsEnd:
    """TLS for a server that has none."""

    def __init__(self, certificate, key, port):
        self.seen, self.port = [], int(port)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.sni_callback = lambda _, name, __: self.seen.append(name or "")

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError):
            await join((reader, writer), await asyncio.open_connection("127.0.0.1", self.port))


async def main(kind, *words):
    end = ForwardProxy() if kind == "forward" else TlsEnd(*words)
    server = await asyncio.start_server(end.serve, "127.0.0.1", 0, ssl=getattr(end, "context", None))
    print(server.sockets[0].getsockname()[1], flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        print(json.dumps(end.seen), flush=True)
    sys.stdout.close()


class Relay:
    """A running relay; it ends with close(), and with this process however that ends."""

    def __init__(self, *words):
        self._process = subprocess.Popen([sys.executable, __file__, *map(str, words)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def seen(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
