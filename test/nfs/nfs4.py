"""A small client of NFSv4.0: what asks by a file handle, and needs no state at the server.

The client keeps handles as a kernel's client does, over restarts of the server; tools that look up each path again would
not notice a handle that has become stale. Reads and writes use the special state of all zeros.
"""

import collections
import socket
import struct

OK, STALE, NOTSUPP = 0, 70, 10004
TYPES = {1: "file", 2: "directory", 5: "symlink", 7: "fifo"}
_DIRECTORY, _SYMLINK, _FIFO = 2, 5, 7
_ANONYMOUS = b"\0" * 16
_GETATTR, _GETFH, _LINK, _LOOKUP, _CREATE, _PUTFH, _PUTROOTFH, _READ = 9, 10, 11, 15, 6, 22, 24, 25
_READDIR, _READLINK, _REMOVE, _RENAME, _SAVEFH, _SETATTR, _WRITE = 26, 27, 28, 29, 32, 34, 38
_WANTED = struct.pack(">III", 2, 1 << 1 | 1 << 4 | 1 << 20, 1 << 3)  # Type, size, inode number; links.

Page = collections.namedtuple("Page", "names cookie verifier end")
Attributes = collections.namedtuple("Attributes", "type size inode links")


class Refused(Exception):
    """The server's answer to a request: a status other than OK."""

    def __init__(self, status):
        super().__init__(f"NFS status {status}")
        self.status = status


def _opaque(data):
    data = data if isinstance(data, bytes) else data.encode()
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


class _Reader:
    def __init__(self, data):
        self._data, self._at = data, 0

    def take(self, count):
        self._at += count
        return self._data[self._at - count:self._at]

    def uint(self):
        return struct.unpack(">I", self.take(4))[0]

    def hyper(self):
        return struct.unpack(">Q", self.take(8))[0]

    def opaque(self):
        length = self.uint()
        data = self.take(length)
        self.take(-length % 4)
        return data


class Client:
    def __init__(self, port, host="127.0.0.1"):
        self._socket = socket.create_connection((host, port), timeout=60)
        self._xid = 0

    def close(self):
        self._socket.close()

    def _receive(self, count):
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the NFS server closed the connection")
            data += piece
        return data

    def _call(self, operations):
        """Sends one COMPOUND; returns a reader behind its header."""
        self._xid += 1
        credential = struct.pack(">II", 0, 0) + struct.pack(">III", 0, 0, 0)  # Stamp and name; uid, gid, no groups.
        call = struct.pack(">IIIIII", self._xid, 0, 2, 100003, 4, 1) + struct.pack(">I", 1) + _opaque(credential)
        call += struct.pack(">II", 0, 0)  # No verifier.
        call += _opaque(b"") + struct.pack(">II", 0, len(operations)) + b"".join(operations)
        self._socket.sendall(struct.pack(">I", 0x80000000 | len(call)) + call)
        answer, last = b"", False
        while not last:
            mark = struct.unpack(">I", self._receive(4))[0]
            last = bool(mark & 0x80000000)
            answer += self._receive(mark & 0x7FFFFFFF)
        reader = _Reader(answer)
        xid, kind, replied = reader.uint(), reader.uint(), reader.uint()
        reader.uint()
        reader.opaque()
        accepted = reader.uint()
        if (xid, kind, replied, accepted) != (self._xid, 1, 0, 0):
            raise ConnectionError(f"the NFS server refused the call: {(xid, kind, replied, accepted)}")
        status = reader.uint()
        if status != OK:
            raise Refused(status)
        reader.opaque()
        reader.uint()
        return reader

    def _ask(self, *operations):
        """Operations as (number, arguments); the reader stands behind the status of the last one, whose answers it has."""
        reader = self._call([struct.pack(">I", number) + arguments for number, arguments in operations])
        for number, _ in operations[:-1]:
            reader.take(8)  # Those before answer with their status alone.
        reader.take(8)
        return reader

    def handle(self, path):
        """The handle of a path from the server's root."""
        names = [(_LOOKUP, _opaque(name)) for name in path.strip("/").split("/")]
        return self._ask((_PUTROOTFH, b""), *names, (_GETFH, b"")).opaque()

    def attributes(self, handle):
        reader = self._ask((_PUTFH, _opaque(handle)), (_GETATTR, _WANTED))
        for _ in range(reader.uint()):
            reader.uint()
        values = _Reader(reader.opaque())
        return Attributes(TYPES.get(values.uint()), values.hyper(), values.hyper(), values.uint())

    def read(self, handle, offset=0, count=65536):
        reader = self._ask((_PUTFH, _opaque(handle)), (_READ, _ANONYMOUS + struct.pack(">QI", offset, count)))
        reader.uint()  # Whether the end was met.
        return reader.opaque()

    def write(self, handle, data, offset=0):
        """Stable when it returns."""
        arguments = _ANONYMOUS + struct.pack(">QI", offset, 2) + _opaque(data)
        written = self._ask((_PUTFH, _opaque(handle)), (_WRITE, arguments)).uint()
        if written != len(data):
            raise ConnectionError(f"{written} of {len(data)} bytes were written")

    def truncate(self, handle, size):
        values = struct.pack(">II", 1, 1 << 4) + _opaque(struct.pack(">Q", size))
        self._ask((_PUTFH, _opaque(handle)), (_SETATTR, _ANONYMOUS + values))

    def page(self, handle, cookie=0, verifier=b"\0" * 8):
        """Some names of a directory, those behind `cookie`, and where the next page begins."""
        arguments = struct.pack(">Q", cookie) + verifier + struct.pack(">III", 8192, 16384, 0)
        reader = self._ask((_PUTFH, _opaque(handle)), (_READDIR, arguments))
        verifier, names = reader.take(8), []
        while reader.uint():
            cookie = reader.hyper()
            names.append(reader.opaque().decode())
            reader.take(4 * reader.uint())
            reader.opaque()
        return Page(names, cookie, verifier, bool(reader.uint()))

    def names(self, handle):
        """All names of a directory."""
        page = self.page(handle)
        found = page.names
        while not page.end:
            page = self.page(handle, page.cookie, page.verifier)
            found += page.names
        return sorted(found)

    def target(self, handle):
        return self._ask((_PUTFH, _opaque(handle)), (_READLINK, b"")).opaque().decode()

    def _create(self, directory, name, what):
        arguments = what + _opaque(name) + struct.pack(">I", 0) + _opaque(b"")
        self._ask((_PUTFH, _opaque(directory)), (_CREATE, arguments))

    def make_directory(self, directory, name):
        self._create(directory, name, struct.pack(">I", _DIRECTORY))

    def make_symlink(self, directory, name, target):
        self._create(directory, name, struct.pack(">I", _SYMLINK) + _opaque(target))

    def make_fifo(self, directory, name):
        self._create(directory, name, struct.pack(">I", _FIFO))

    def link(self, handle, directory, name):
        self._ask((_PUTFH, _opaque(handle)), (_SAVEFH, b""), (_PUTFH, _opaque(directory)), (_LINK, _opaque(name)))

    def rename(self, directory, name, new_directory, new_name):
        self._ask((_PUTFH, _opaque(directory)), (_SAVEFH, b""), (_PUTFH, _opaque(new_directory)),
                  (_RENAME, _opaque(name) + _opaque(new_name)))

    def remove(self, directory, name):
        self._ask((_PUTFH, _opaque(directory)), (_REMOVE, _opaque(name)))
