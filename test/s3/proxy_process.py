"""The fault proxy as a process of its own.

A test must not serve, in its own interpreter, the daemon whose mount it uses: a system call on the mount that holds
Python's interpreter lock would wait for itself.
"""

import json
import os
import subprocess
import sys
import threading

from fault_exchange import OTHER_ETAG
from fault_proxy import FAULTS
from s3_requests import Request

__all__ = ["FAULTS", "OTHER_ETAG", "ProxyProcess"]


class RuleHandle:
    """A rule of the proxy; see fault_proxy.Rule."""

    def __init__(self, proxy, number):
        self._proxy, self.number = proxy, number

    @property
    def hits(self):
        return self._proxy.ask("rule", rule=self.number)["hits"]

    @property
    def matched(self):
        return self._proxy.ask("rule", rule=self.number)["matched"]

    def remove(self):
        self._proxy.ask("remove", rule=self.number)


class ProxyProcess:
    """A running proxy. Thread-safe. It ends with close(), and with this process however that ends."""

    def __init__(self, upstream):
        program = os.path.join(os.path.dirname(os.path.realpath(__file__)), "fault_proxy.py")
        self._lock = threading.Lock()
        self._process = subprocess.Popen([sys.executable, program, upstream], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        state = json.loads(self._process.stdout.readline())
        self.endpoint, self.other_endpoint = state["endpoint"], state["other_endpoint"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def ask(self, what, **parameters):
        with self._lock:
            self._process.stdin.write(json.dumps({"do": what, **parameters}) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def add(self, fault, behind=None, **what):
        if behind is not None:
            what["behind"] = behind.number
        return RuleHandle(self, self.ask("add", fault=fault, **what)["rule"])

    def clear(self):
        self.ask("clear")

    def refuse(self):
        self.ask("refuse")

    def accept_again(self):
        self.ask("accept_again")

    def requests(self, since=0, **what):
        """Requests with a number above `since` that match, as a rule would: op, method, bucket, key."""
        return [Request(**r) for r in self.ask("requests", since=since, **what)["requests"]]

    def count(self, since=0, **what):
        return len(self.requests(since, **what))

    def mark(self):
        """The number of the last request; what comes later has a higher one."""
        return self.ask("state")["mark"]

    def idle(self):
        return self.ask("state")["running"] == 0

    @property
    def peak_running(self):
        """The most requests at one time."""
        return self.ask("state")["peak_running"]

    @property
    def peak_connections(self):
        return self.ask("state")["peak_connections"]
