"""HTTP/1.1 on the wire, for a proxy that changes no byte without an order.

Header names keep their case and order, targets their escapes: a signature over them stays valid.
"""

import dataclasses
import socket
import struct

PIECE = 256 * 1024
MAX_HEAD = 64 * 1024


class Broken(Exception):
    """The other side closed or reset the connection, or does not speak HTTP."""


class Wire:
    """One connection with a read buffer. For one thread at a time; abort() may come from any."""

    def __init__(self, connection):
        self.socket = connection
        self.buffer = b""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _fill(self):
        try:
            more = self.socket.recv(PIECE)
        except OSError as error:
            raise Broken(str(error)) from None
        if not more:
            raise Broken("closed by the other side")
        self.buffer += more

    def read_some(self, limit):
        """Between 1 and `limit` bytes, what is there first."""
        if not self.buffer:
            self._fill()
        piece, self.buffer = self.buffer[:limit], self.buffer[limit:]
        return piece

    def read_line(self):
        while b"\n" not in self.buffer:
            if len(self.buffer) > MAX_HEAD:
                raise Broken("a line without end")
            self._fill()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def write(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Broken(str(error)) from None

    def close(self):
        """FIN after what was written."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def reset(self):
        """RST: the other side gets ECONNRESET, and may lose what it has not read yet."""
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.socket.close()

    def abort(self):
        """Wakes the thread that reads or writes here; it will reset the connection."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


@dataclasses.dataclass
class Head:
    """A request or status line and its headers, as they came."""
    line: str
    headers: list   # of [name, value], in order

    def get(self, name, default=None):
        return next((v for n, v in self.headers if n.lower() == name.lower()), default)

    def set(self, name, value):
        """Replaces the header where it stands, or appends it; None removes it."""
        kept = [[n, v] for n, v in self.headers if n.lower() != name.lower()]
        at = next((i for i, (n, _) in enumerate(self.headers) if n.lower() == name.lower()), len(kept))
        if value is not None:
            kept.insert(min(at, len(kept)), [name, str(value)])
        self.headers = kept

    def encode(self):
        text = self.line + "\r\n" + "".join(f"{n}: {v}\r\n" for n, v in self.headers) + "\r\n"
        return text.encode("latin-1")

    def status(self):
        return int(self.line.split()[1])


def read_head(wire):
    """The next head, or None if the connection ends before one begins."""
    try:
        line = wire.read_line()
        while not line:
            line = wire.read_line()
    except Broken:
        return None
    headers = []
    while True:
        header = wire.read_line()
        if not header:
            return Head(line.decode("latin-1"), headers)
        name, colon, value = header.decode("latin-1").partition(":")
        if not colon or len(headers) > 1000:
            raise Broken(f"not a header: {header[:80]}")
        headers.append([name, value.strip()])


LENGTH, CHUNKED, UNTIL_CLOSE, NONE = "length", "chunked", "until close", "none"


def framing_of(head, is_response, method=""):
    """How the body after `head` ends, and its length where that is known."""
    if is_response and (method == "HEAD" or head.status() in (204, 304) or head.status() < 200):
        return NONE, 0
    if "chunked" in head.get("Transfer-Encoding", "").lower():
        return CHUNKED, None
    length = head.get("Content-Length")
    if length is not None:
        return LENGTH, int(length)
    return (UNTIL_CLOSE, None) if is_response else (NONE, 0)


def read_body(wire, framing, length):
    """Yields the body in pieces, without chunk sizes."""
    if framing == LENGTH:
        while length:
            piece = wire.read_some(min(length, PIECE))
            length -= len(piece)
            yield piece
    elif framing == CHUNKED:
        yield from _read_chunks(wire)
    elif framing == UNTIL_CLOSE:
        while True:
            try:
                yield wire.read_some(PIECE)
            except Broken:
                return


def _read_chunks(wire):
    while True:
        size = int(wire.read_line().split(b";")[0], 16)
        if size == 0:
            while wire.read_line():   # Trailers; S3 servers send none.
                pass
            return
        while size:
            piece = wire.read_some(min(size, PIECE))
            size -= len(piece)
            yield piece
        wire.read_line()


def write_piece(wire, framing, piece):
    wire.write(b"%x\r\n%s\r\n" % (len(piece), piece) if framing == CHUNKED else piece)


def write_end(wire, framing):
    if framing == CHUNKED:
        wire.write(b"0\r\n\r\n")
