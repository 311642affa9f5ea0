#!/usr/bin/python3
"""A reverse proxy between an S3 client and an S3 server that misbehaves on request, and remembers every request.

usage: test/s3/fault_proxy.py UPSTREAM [--port PORT]      until the end of standard input, which has a command a line:
           {"do": "add", "fault": "slow", "op": "GET", "key": "^big$", "every": 3}
           {"do": "requests", "op": ["HEAD", "LIST"]}     and those of Control
       test/s3/fault_proxy.py --faults                    describes the faults

In a test, as a process of its own (proxy_process.py):
    with ProxyProcess("http://127.0.0.1:7480") as proxy:
        ... a client with the endpoint proxy.endpoint ...
        rule = proxy.add("reset_body", op="GET", key="^big$", nth=2, at=0.5)
        ...
        assert rule.hits == 1 and proxy.count(op="HEAD") <= 1

A client signs for the proxy's own host and port, and the proxy passes the Host header on as it came, so signatures
stay valid. `op` (one or more names of s3_requests.operation_of), `method`, `bucket`, `key` (regular expressions that are
searched for) and `listener` of a rule select requests. Of these, `nth` takes one, `every` takes each n-th, `after` skips
the first ones, and `times` is the limit. `behind` names another rule: only requests after the first hit of that rule
count. The first rule that applies to a request decides.
Faults of a connection end when their rule is removed, by rule.remove(), proxy.clear() or the end of the proxy.
"""

import argparse
import contextlib
import dataclasses
import json
import re
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True
import http_wire  # noqa: E402
import s3_requests  # noqa: E402
from fault_exchange import ANSWERS, Exchange, Upstream  # noqa: E402
from http_wire import Broken, Wire  # noqa: E402

PARAMETERS = {
    "at": "where in the body: bytes, or a part of it below 1 (default 0.5)",
    "rate": "bytes a second (default 1)",
    "seconds": "how long (default: until the rule is removed)",
    "by": "what is added to the length (default -10)",
    "retry_after": "a Retry-After header (default: none)",
    "status": "another status than the usual one",
    "code": "another error code than the usual one",
    "early": "true: answered without reading the request's body",
    "loop": "true: the redirect leads back to this listener, without end",
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


class Rule:
    """One fault and the requests that it applies to. `matched` and `hits` count requests."""

    def __init__(self, proxy, fault, *, op=None, method=None, bucket=None, key=None, listener="main", nth=None, every=None,
                 after=0, times=None, behind=None, **parameters):
        unknown = [name for name in parameters if name not in PARAMETERS]
        if fault not in FAULTS or unknown:
            raise ValueError(f"no such fault or parameter: {', '.join([fault] * (fault not in FAULTS) + unknown)}; "
                             f"there are {', '.join(FAULTS)} and {', '.join(PARAMETERS)}")
        self.proxy, self.fault, self.parameters = proxy, fault, parameters
        self.ops = (op,) if isinstance(op, str) else op
        self.method, self.bucket, self.key, self.listener = method, bucket, key, listener
        self.nth, self.every, self.after, self.times, self.behind = nth, every, after, times, behind
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
        if self.ended.is_set() or (self.behind and not self.behind.hits) or not self.matches(request):
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
    """A port of the proxy. Refused, the port is still bound, so that no other process gets it, without a listener."""

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
        self.endpoint, self.other_endpoint = (f"http://127.0.0.1:{self.listeners[n].port}" for n in ("main", "other"))
        for listener in self.listeners.values():
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

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
        """Behaves like a server that is down: resets connections and refuses new ones, until accept_again()."""
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

    def mark(self):
        """The number of the last request; what comes later has a higher one."""
        with self.lock:
            return len(self.log)

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


class Control:
    """Commands of another process: one JSON object a line, answered by one."""

    def __init__(self, proxy):
        self.proxy, self.rules = proxy, []

    def serve(self, commands, answers):
        for line in commands:
            try:
                command = json.loads(line)
                answer = getattr(self, "do_" + command.pop("do"))(**command)
            except (ValueError, TypeError, AttributeError, KeyError, IndexError, re.error) as error:
                answer = {"error": f"{line.strip()}: {error!r}"}
            print(json.dumps(answer or {}), file=answers, flush=True)

    def do_add(self, behind=None, **what):
        self.rules.append(self.proxy.add(behind=None if behind is None else self.rules[behind], **what))
        return {"rule": len(self.rules) - 1}

    def do_rule(self, rule):
        return {"hits": self.rules[rule].hits, "matched": self.rules[rule].matched}

    def do_remove(self, rule):
        self.rules[rule].remove()

    def do_clear(self):
        self.proxy.clear()

    def do_refuse(self):
        self.proxy.refuse()

    def do_accept_again(self):
        self.proxy.accept_again()

    def do_requests(self, **what):
        return {"requests": [dataclasses.asdict(r) for r in self.proxy.requests(**what)]}

    def do_state(self):
        p = self.proxy
        return {"endpoint": p.endpoint, "other_endpoint": p.other_endpoint, "mark": p.mark(), "running": p.running,
                "peak_running": p.peak_running, "connections": p.connections, "peak_connections": p.peak_connections}


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
    proxy = FaultProxy(options.upstream, options.port)
    control = Control(proxy)
    print(json.dumps(control.do_state()), flush=True)
    control.serve(sys.stdin, sys.stdout)
    proxy.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
