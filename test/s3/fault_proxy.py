#!/usr/bin/python3
"""A reverse proxy between an S3 client and an S3 server that misbehaves on request, and remembers every request.

usage: test/s3/fault_proxy.py UPSTREAM [--port PORT]      for a look by hand: one JSON object a line on standard input
           {"fault": "slow", "op": "GET", "key": "^big$", "every": 3}    adds a rule
           clear | log | quit                                            ends all faults | prints the requests | ends
       test/s3/fault_proxy.py --faults                    describes the faults

In a test:
    with FaultProxy("http://127.0.0.1:7480") as proxy:
        ... a client with the endpoint proxy.endpoint ...
        rule = proxy.add("reset_body", op="GET", key="^big$", nth=2, at=0.5)
        ...
        assert rule.hits == 1 and proxy.count(op="HEAD") <= 1

A client signs for the proxy's own host and port, and the proxy passes the Host header on as it came, so signatures
stay valid. A rule applies to requests that match all it names (`op`: a name or several of s3_requests.operation_of;
`method`; `bucket`, `key`: regular expressions that are searched for; `listener`); of these to the `nth`, to each
`every`-th, to those after the first `after`, and at most `times`. The first rule that applies to a request is the one.
Faults of a connection end when their rule is removed, by rule.remove(), proxy.clear() or the end of the proxy.
"""

import argparse
import contextlib
import json
import re
import select
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True
import http_wire  # noqa: E402
import s3_requests  # noqa: E402
from http_wire import Broken, Head, Wire  # noqa: E402

PARAMETERS = {
    "at": "where in the body: bytes, or a part of it below 1 (default 0.5)",
    "rate": "bytes a second (default 1)",
    "seconds": "how long (default: until the rule is removed)",
    "by": "what is added to the length (default -10)",
    "retry_after": "a Retry-After header (default: none)",
    "status": "another status than the usual one",
    "code": "another error code than the usual one",
    "early": "true: answered without reading the request's body",
    "loop": "true: the redirect leads back to this listener, for ever",
}

# Answered by the proxy; the server never sees the request. Fault: status, code, message.
ANSWERS = {
    "error_500": (500, "InternalError", "We encountered an internal error. Please try again."),
    "error_503": (503, "ServiceUnavailable", "Service is unable to handle request."),
    "slow_down": (503, "SlowDown", "Please reduce your request rate."),
    "expired_token": (403, "ExpiredToken", "The provided token has expired."),
    "clock_skew": (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    "access_denied": (403, "AccessDenied", "Access Denied"),
    "redirect": (307, "TemporaryRedirect", "Please re-send this request to the specified temporary endpoint."),
}
OTHERS = {
    "refuse": "the connection is reset and new ones are refused, for `seconds` or until the rule is removed",
    "reset": "reset as soon as the request's head is read; the server never sees it",
    "hang": "no answer, until the rule is removed; then reset",
    "reset_upload": "reset when the request's body was read up to `at`; the server sees no more than that",
    "slow_upload": "the request's body is read at `rate`",
    "flip_upload": "a bit of the request's body is changed, at `at`",
    "reset_body": "the answer's head and its body up to `at`, then a reset",
    "truncate": "the answer's head and its body up to `at`, then an orderly close",
    "wrong_length": "the answer's Content-Length is changed `by`; with fewer bytes just those are sent, with more the "
                    "connection is closed after the body",
    "slow": "the answer's body at `rate`",
    "flip": "a bit of the answer's body is changed, at `at`",
    "lost_answer": "the server does what is asked, then a reset instead of its answer",
    "late_500": "the server does what is asked, then 500 InternalError instead of its answer",
    "error_in_200": "the server does not do it: status 200 with an error document, as S3 may answer COMPLETE and COPY",
    "wrong_etag": "the answer's ETag (header, or element of its document) is another one",
    "list_cut": "a listing's page says that it is the last: IsTruncated=false, no continuation token",
    "bad_xml": "the answer's document is cut in the middle, with the right Content-Length",
}
FAULTS = {**{name: f"{status} {code}" for name, (status, code, _) in ANSWERS.items()}, **OTHERS}
AS_WANTED = "as the rule wants"
OTHER_ETAG = "0123456789abcdef0123456789abcdef"


class Rule:
    """One fault and the requests that it applies to. `matched` and `hits` count requests."""

    def __init__(self, proxy, fault, *, op=None, method=None, bucket=None, key=None, listener="main", nth=None, every=None,
                 after=0, times=None, **parameters):
        unknown = [name for name in parameters if name not in PARAMETERS]
        if fault not in FAULTS or unknown:
            raise ValueError(f"no such fault or parameter: {', '.join([fault] * (fault not in FAULTS) + unknown)}; "
                             f"there are {', '.join(FAULTS)} and {', '.join(PARAMETERS)}")
        self.proxy, self.fault, self.parameters = proxy, fault, parameters
        self.ops = (op,) if isinstance(op, str) else op
        self.method, self.bucket, self.key, self.listener = method, bucket, key, listener
        self.nth, self.every, self.after, self.times = nth, every, after, times
        self.matched, self.hits = 0, 0
        self.ended = threading.Event()

    def get(self, name, default=None):
        return self.parameters.get(name, default)

    def matches(self, request):
        return ((not self.ops or request.op in self.ops) and self.method in (None, request.method)
                and self.listener in (None, request.listener)
                and (self.bucket is None or re.search(self.bucket, request.bucket))
                and (self.key is None or re.search(self.key, request.key)))

    def applies(self, request):
        """Called once for each request, under the proxy's lock."""
        if self.ended.is_set() or not self.matches(request):
            return False
        self.matched += 1
        place = self.matched - self.after
        if (place < 1 or (self.nth is not None and place != self.nth) or (self.every and place % self.every)
                or (self.times is not None and self.hits >= self.times)):
            return False
        self.hits += 1
        return True

    def remove(self):
        self.ended.set()
        self.proxy.forget(self)

    def position(self, length):
        """`at` in bytes, of a body of `length` bytes (None: not known)."""
        at = self.get("at", 0.5)
        return int(at * (length or 0)) if 0 < at < 1 else int(at)


class Listener:
    """A port of the proxy. Refused, the port is still bound, so that nobody else gets it, and nobody listens on it."""

    def __init__(self, name, port=0):
        self.name, self.port = name, port
        self._bind()
        self.port = self.socket.getsockname()[1]
        self.open = threading.Event()
        self.accept_again()

    def _bind(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", self.port))

    def refuse(self):
        self.open.clear()
        self.close()
        self._bind()

    def accept_again(self):
        self.socket.listen(256)
        self.open.set()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)   # Wakes accept().
        self.socket.close()


class FaultProxy:
    """The proxy and its rules. All methods are thread-safe."""

    def __init__(self, upstream, port=0, domain="s3.localhost"):
        host, _, upstream_port = upstream.split("://")[1].rstrip("/").partition(":")
        self.upstream, self.domain = (host, int(upstream_port or 80)), domain
        self.lock = threading.Lock()
        self.rules, self.log, self.live = [], [], {}
        self.connections = self.peak_connections = self.running = self.peak_running = 0
        self.closed = False
        self.listeners = {"main": Listener("main", port), "other": Listener("other")}
        self.endpoint = f"http://127.0.0.1:{self.listeners['main'].port}"
        for listener in self.listeners.values():
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closed = True
        self.clear()
        for listener in self.listeners.values():
            listener.open.set()
            listener.close()
        self.reset_connections()

    # Rules

    def add(self, fault, **what):
        rule = Rule(self, fault, **what)
        with self.lock:
            self.rules.append(rule)
        return rule

    def forget(self, rule):
        with self.lock:
            if rule in self.rules:
                self.rules.remove(rule)

    def clear(self):
        """Ends all faults; what they held up goes on or is reset."""
        with self.lock:
            rules, self.rules = self.rules, []
        for rule in rules:
            rule.ended.set()
        self.accept_again()

    def refuse(self):
        """As a server that is down: connections are reset, new ones refused, until accept_again()."""
        if self.listeners["main"].open.is_set():
            self.listeners["main"].refuse()
        self.reset_connections()

    def accept_again(self):
        if not self.closed and not self.listeners["main"].open.is_set():
            self.listeners["main"].accept_again()

    def reset_connections(self):
        with self.lock:
            wires = list(self.live.values())
        for wire in wires:
            wire.abort()

    # The log

    def requests(self, since=0, **what):
        """Requests with a number above `since` that match, as a rule would: op, method, bucket, key."""
        wanted = Rule(self, "reset", **{"listener": None, **what})
        with self.lock:
            return [r for r in self.log if r.number > since and wanted.matches(r)]

    def count(self, since=0, **what):
        return len(self.requests(since, **what))

    def mark(self):
        """The number of the last request; what comes later has a higher one."""
        with self.lock:
            return len(self.log)

    def idle(self):
        with self.lock:
            return self.running == 0

    # Connections

    def _accept(self, listener):
        while not self.closed:
            listener.open.wait()
            try:
                connection, _ = listener.socket.accept()
            except OSError:
                time.sleep(0.01)   # Refused or closed; `open` says which.
                continue
            threading.Thread(target=self._serve, args=(listener, Wire(connection)), daemon=True).start()

    def _serve(self, listener, client):
        with self.lock:
            self.connections += 1
            number = self.connections
            self.live[number] = client
            self.peak_connections = max(self.peak_connections, len(self.live))
        upstream = Upstream(self.upstream)
        try:
            while self._serve_one(listener, number, client, upstream):
                pass
            client.close()
        except Broken:
            client.reset()
        finally:
            upstream.close()
            with self.lock:
                del self.live[number]

    def _serve_one(self, listener, connection, client, upstream):
        """Whether the connection may be used for another request."""
        head = http_wire.read_head(client)
        if head is None:
            return False
        with self.lock:
            request = s3_requests.parse(len(self.log) + 1, connection, listener.name, head, self.domain)
            self.log.append(request)
            self.running += 1
            self.peak_running = max(self.peak_running, self.running)
            rule = next((r for r in self.rules if r.applies(request)), None)
        try:
            return Exchange(self, client, upstream, request, head, rule).run()
        except Broken as why:
            request.note = str(why)
            raise
        finally:
            with self.lock:
                self.running -= 1
            request.seconds = time.monotonic() - request.began


class Upstream:
    """The connection to the server that belongs to one of a client's; made when first needed."""

    def __init__(self, address):
        self.address, self.wire = address, None

    def renew(self):
        """Before a request: a connection that the server closed while it was idle is made anew."""
        if self.wire is not None and (self.wire.buffer or select.select([self.wire.socket], [], [], 0)[0]):
            self.close()

    def get(self):
        if self.wire is None:
            try:
                self.wire = Wire(socket.create_connection(self.address, timeout=30))
                self.wire.socket.settimeout(300)
            except OSError as error:
                raise Broken(f"the server itself: {error}") from None
        return self.wire

    def close(self):
        if self.wire is not None:
            self.wire.close()
            self.wire = None


class Exchange:
    """One request and its answer, with the fault of `rule`, if there is one."""

    def __init__(self, proxy, client, upstream, request, head, rule):
        self.proxy, self.client, self.upstream, self.request, self.head, self.rule = proxy, client, upstream, request, head, rule
        self.fault = request.fault = rule.fault if rule else ""
        self.keep = head.get("Connection", "").lower() != "close"
        self.framing, self.length = http_wire.framing_of(head, is_response=False)

    def run(self):
        if self.fault in ANSWERS:
            return self.answer_error(*ANSWERS[self.fault])
        if self.fault in ("refuse", "reset", "hang"):
            return self.break_off()
        if self.fault == "error_in_200":
            return self.answer_error(200, "InternalError", "We encountered an internal error. Please try again.")
        self.forward_request()
        response = self.read_response()
        if self.fault == "lost_answer":
            raise Broken(AS_WANTED)
        if self.fault == "late_500":
            self.drop_answer(response)
            return self.answer_error(500, "InternalError", "We encountered an internal error. Please try again.")
        if self.fault in ("wrong_etag", "list_cut", "bad_xml"):
            return self.answer_rewritten(response)
        return self.answer(response)

    # Faults before the server is asked

    def break_off(self):
        if self.fault == "refuse":
            self.proxy.refuse()
            if self.rule.get("seconds") is not None:
                threading.Timer(self.rule.get("seconds"), self.proxy.accept_again).start()
        elif self.fault == "hang":
            self.rule.ended.wait(self.rule.get("seconds"))
        raise Broken(AS_WANTED)

    def request_body(self):
        if self.length == 0:
            return
        if self.head.get("Expect", "").lower() == "100-continue":
            self.client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        for piece in http_wire.read_body(self.client, self.framing, self.length):
            self.request.received += len(piece)
            yield piece

    def answer_error(self, status, code, message):
        read_all = self.request.received > 0 or self.length == 0
        if not read_all and not self.rule.get("early"):
            for _ in self.request_body():
                pass
            read_all = True
        status, code = self.rule.get("status", status), self.rule.get("code", code)
        elements, headers = "", []
        if self.fault == "redirect":
            port = self.proxy.listeners["main" if self.rule.get("loop") else "other"].port
            headers.append(["Location", f"http://127.0.0.1:{port}{self.request.target}"])
            elements = f"<Bucket>{self.request.bucket}</Bucket><Endpoint>127.0.0.1:{port}</Endpoint>"
        if self.fault == "clock_skew":
            elements = f"<ServerTime>{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}</ServerTime>"
        if self.rule.get("retry_after") is not None:
            headers.append(["Retry-After", str(self.rule.get("retry_after"))])
        body = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error>'
                f"<Code>{code}</Code><Message>{message}</Message>{elements}<RequestId>proxy-{self.request.number}</RequestId></Error>").encode()
        self.write_answer(Head(f"HTTP/1.1 {status} {code}", headers), body, close=not read_all)
        return self.keep and read_all

    def write_answer(self, head, body, close=False):
        """A whole answer of the proxy's own making. Nothing is said in the body of an answer to HEAD."""
        head.set("x-amz-request-id", head.get("x-amz-request-id") or f"proxy-{self.request.number}")
        head.set("Date", head.get("Date") or time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
        head.set("Content-Type", head.get("Content-Type") or "application/xml")
        head.set("Transfer-Encoding", None)
        head.set("Content-Length", len(body))
        if close:
            head.set("Connection", "close")
        self.request.status = head.status()
        self.client.write(head.encode() + (b"" if self.request.method == "HEAD" else body))
        self.request.sent = 0 if self.request.method == "HEAD" else len(body)

    # To the server

    def forward_request(self):
        self.upstream.renew()
        wire = self.upstream.get()
        wire.write(self.head.encode())
        position = self.rule.position(self.length) if self.rule else 0
        for piece in self.request_body():
            before = self.request.received - len(piece)
            if self.fault == "reset_upload" and self.request.received >= position:
                http_wire.write_piece(wire, self.framing, piece[:position - before])
                raise Broken(AS_WANTED)
            if self.fault == "flip_upload" and before <= position < self.request.received:
                piece = flipped(piece, position - before)
            if self.fault == "slow_upload":
                self.write_slowly(wire, self.framing, piece)
            else:
                http_wire.write_piece(wire, self.framing, piece)
        http_wire.write_end(wire, self.framing)

    def read_response(self):
        head = None
        while head is None or head.status() < 200:   # 100 Continue was answered here.
            head = http_wire.read_head(self.upstream.get())
            if head is None:
                raise Broken("the server closed the connection")
        self.request.upstream_status = head.status()
        return head

    def response_body(self, head):
        framing, length = http_wire.framing_of(head, True, self.request.method)
        return framing, length, http_wire.read_body(self.upstream.get(), framing, length)

    def drop_answer(self, head):
        for _ in self.response_body(head)[2]:
            pass

    # To the client

    def answer(self, head):
        framing, length, body = self.response_body(head)
        end = None   # Body bytes after which the connection breaks.
        if self.fault in ("reset_body", "truncate") and framing != http_wire.NONE:
            end = self.rule.position(length)
        if self.fault == "wrong_length" and framing == http_wire.LENGTH:
            declared = max(0, length + self.rule.get("by", -10))
            head.set("Content-Length", declared)
            end = declared if declared < length else None
        self.request.status = head.status()
        self.client.write(head.encode())
        ended = self.write_body(framing, length, body, end)
        if self.fault == "wrong_length":
            self.upstream.close()
            return end is not None and self.keep
        if not ended or framing == http_wire.UNTIL_CLOSE:
            return False
        if head.get("Connection", "").lower() == "close":
            self.upstream.close()
            return False
        return self.keep

    def write_body(self, framing, length, body, end):
        """False if the body was cut off at `end`, so that the connection is to be closed."""
        flip_at = self.rule.position(length) if self.fault == "flip" else -1
        for piece in body:
            before = self.request.sent
            if end is not None and before + len(piece) >= end:
                http_wire.write_piece(self.client, framing, piece[:end - before])
                self.request.sent = end
                return self.broken_at_end()
            if before <= flip_at < before + len(piece):
                piece = flipped(piece, flip_at - before)
            if self.fault == "slow":
                self.write_slowly(self.client, framing, piece, counts=True)
            else:
                http_wire.write_piece(self.client, framing, piece)
                self.request.sent += len(piece)
        http_wire.write_end(self.client, framing)
        return True

    def broken_at_end(self):
        if self.fault == "wrong_length":   # As far as HTTP goes the answer is whole.
            return True
        if self.fault == "reset_body":
            time.sleep(0.05)   # A reset overtakes what the client has not read yet; it is to see some of it.
            raise Broken(AS_WANTED)
        return False

    def write_slowly(self, wire, framing, piece, counts=False):
        """A byte at a time, or what a tenth of a second allows, until the rule is removed; then the rest at once."""
        rate = self.rule.get("rate", 1)
        step = max(1, int(rate / 10))
        while piece and not self.rule.ended.wait(step / rate):
            http_wire.write_piece(wire, framing, piece[:step])
            self.request.sent += len(piece[:step]) if counts else 0
            piece = piece[step:]
        if piece:
            http_wire.write_piece(wire, framing, piece)
            self.request.sent += len(piece) if counts else 0

    def answer_rewritten(self, head):
        framing, _, pieces = self.response_body(head)
        body = b"".join(pieces)
        if self.fault == "wrong_etag":
            if head.get("ETag") is not None:
                head.set("ETag", f'"{OTHER_ETAG}"')
            body = re.sub(rb"(<ETag>(?:&quot;|\")?)[^<&\"]*", rb"\g<1>" + OTHER_ETAG.encode(), body)
        elif self.fault == "list_cut":
            body = re.sub(rb"<IsTruncated>true</IsTruncated>", b"<IsTruncated>false</IsTruncated>", body)
            body = re.sub(rb"<(NextContinuationToken|NextMarker)>.*?</\1>", b"", body, flags=re.S)
        else:
            body = body[:len(body) // 2]
        if framing == http_wire.NONE:   # An answer to HEAD keeps the length of what it is about.
            self.request.status = head.status()
            self.client.write(head.encode())
        else:
            self.write_answer(head, body)
        return self.keep


def flipped(piece, at):
    return piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1:]


def talk(proxy):
    """Commands from standard input."""
    for line in map(str.strip, sys.stdin):
        try:
            if line == "quit":
                return
            if line == "clear":
                proxy.clear()
            elif line == "log":
                print("\n".join(r.line() for r in proxy.requests()), flush=True)
            elif line:
                proxy.add(**json.loads(line))
        except (ValueError, TypeError, re.error) as error:
            print(f"{line}: {error}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("upstream", nargs="?")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", action="store_true")
    options = parser.parse_args()
    if options.faults:
        for title, table in (("faults", FAULTS), ("parameters", PARAMETERS)):
            print(f"{title}:")
            print("\n".join(f"  {name:14} {what}" for name, what in table.items()))
        return 0
    if not options.upstream:
        parser.error("the server's endpoint is missing, for instance http://127.0.0.1:7480")
    with FaultProxy(options.upstream, options.port) as proxy:
        print(proxy.endpoint, flush=True)
        talk(proxy)
    return 0


if __name__ == "__main__":
    sys.exit(main())
