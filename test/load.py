"""A writing load that records each acknowledgement outside of the file system under test, and the check after a crash.

A writer works alone in its own directory, one operation after another. Before an operation it appends `B` and the
operation to its journal, after it `E` and the time, or `X` and the error. Contents are made from a token, named in
their first bytes, so that a file found anywhere can be checked by itself: whole, or torn.

usage: load.py DIRECTORY JOURNAL STATE SEED ROUND FSYNC_PERCENT     runs until SIGTERM or the first error; with 0
                                                                    percent nothing at all is synced
"""

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

from tarnlib import PATIENCE_S, Failed, eventually, short

HEAD = 64
LOG_SIZE = 1 << 20


def content(token, size):
    """The bytes of a version. Its first bytes name token and size, so versions of two sizes differ. A log has a prefix of one."""
    head = f"{token} {size} ".encode().ljust(HEAD, b".")
    return (head + hashlib.shake_128(token.encode()).digest(size))[:size]


def torn(data):
    """What is wrong with the bytes of some file of a load, or None."""
    if not data:
        return None
    words = data[:HEAD].split(b" ")
    if len(words) < 3 or not words[1].isdigit():
        return f"begins with {short(data[:HEAD])}"
    token, size = words[0].decode(), int(words[1])
    is_log = token.startswith("log")
    if len(data) != size and not (is_log and len(data) <= size):
        return f"{token}: {len(data)} bytes of {size}"
    expected = content(token, size)[:len(data)]
    if data != expected:
        at = next(i for i, (a, b) in enumerate(zip(data, expected)) if a != b)
        zeros = " (zeros)" if not any(data[at:at + 512]) else ""
        return f"{token}: wrong from byte {at} of {len(data)}{zeros}"
    return None


# What a file may be: None (absent), or {"token", "size", "synced"} (whole), with "least" for a prefix of at least that.

def apply(files, op):
    """The names after an operation, given those before."""
    files = dict(files)
    kind, name = op["op"], op["name"]
    if kind in ("create", "overwrite"):
        files[name] = {"token": op["token"], "size": op["size"], "synced": op["synced"]}
    elif kind == "append":
        files[name] = {"token": op["token"], "size": LOG_SIZE, "least": op["length"], "synced": True}
    elif kind == "unlink":
        files.pop(name, None)
    elif kind == "rename":
        files[op["to"]] = files.pop(name)
    elif kind == "move":
        for path in [p for p in files if p.startswith(name + "/")]:
            files[op["to"] + path[len(name):]] = files.pop(path)
    return files


class Journal:
    """A writer's operations as they were begun and acknowledged."""

    def __init__(self, path):
        self.ops, self.began, self.ended, self.error = [], [], [], None
        with open(path, encoding="utf-8") as f:
            for line in f:
                kind, when, text = line.rstrip("\n").split(" ", 2)
                if kind == "B":
                    self.ops.append(json.loads(text))
                    self.began.append(float(when))
                elif kind == "E":
                    self.ended.append(float(when))
                else:
                    self.error = (float(when), text)


def possible(base, journal, first, last, kill):
    """Name -> what it may be, when the operations before `first` count and those from `last` on did not begin.
    `kill`: only the daemon died, so what was written in part may be seen in part."""
    files = dict(base)
    for op in journal.ops[:first]:
        files = apply(files, op)
    states = {name: [value] for name, value in files.items()}
    for i in range(first, last):
        op = journal.ops[i]
        before, files = files, apply(files, op)
        for name in before.keys() | files.keys():
            if before.get(name) != files.get(name):
                states.setdefault(name, [None]).append(files.get(name))
        if i >= len(journal.ended) or not kill:
            _add_partial(states, op, kill)
    return states


def _add_partial(states, op, kill):
    """An operation that was under way when the crash came."""
    known = states.get(op["name"], [])
    if op["op"] == "overwrite" or (op["op"] == "create" and kill):
        known.append({"token": op["token"], "size": op["size"], "least": 0, "synced": True})
    elif op["op"] == "append":
        known.append({"token": op["token"], "size": LOG_SIZE, "least": 0 if op["new"] else op["before"], "synced": True})


def matches(data, value):
    if value is None or data is None:
        return value is None and data is None
    least = value.get("least", value["size"])
    return least <= len(data) <= value["size"] and data == content(value["token"], value["size"])[:len(data)]


def read_or_none(path):
    """The bytes; None if absent; an OSError if it is there and cannot be read."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        return error


def explain(data, states):
    wanted = " or ".join("absent" if v is None else
                         f"{v['token']} ({v.get('least', v['size'])} to {v['size']} bytes)" for v in states[-4:])
    if data is None:
        return f"absent, expected {wanted}"
    if isinstance(data, OSError):
        return f"{data}, expected {wanted}"
    return f"{len(data)} bytes, {torn(data) or 'whole: ' + short(data[:HEAD])}, expected {wanted}"


def verify(directory, states, may_lose=False):
    """Checks every name below `directory`; returns what the files really are, for the next round, and removes those
    which the crash left in part. `may_lose`: contents never synced may be absent, EIO, or an older whole version."""
    found, wrong = {}, []
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), directory)
            states.setdefault(path, [None])
    for path, values in sorted(states.items()):
        data = read_or_none(os.path.join(directory, path))
        match = next((v for v in values[::-1] if not isinstance(data, OSError) and matches(data, v)), False)
        unsynced = may_lose and any(v and not v["synced"] for v in values)
        if match is False and unsynced and _excused(data):
            match = _as_found(data)
        if match is False:
            wrong.append(f"{path}: {explain(data, values)}")
        elif isinstance(data, OSError) or (data is not None and _is_part(data, match)):
            os.unlink(os.path.join(directory, path))
        elif match is not None:
            found[path] = dict(match, least=len(data)) if "least" in match else match
    if wrong:
        raise Failed(f"{len(wrong)} files are not what was acknowledged: " + "; ".join(wrong[:6]))
    return found


def _excused(data):
    return data is None or (isinstance(data, OSError) and data.errno == errno.EIO) or \
        (isinstance(data, bytes) and torn(data) is None)


def _as_found(data):
    if not isinstance(data, bytes):
        return None
    if not data:
        return {"token": "empty", "size": 0, "synced": False}
    words = data[:HEAD].split(b" ")
    return {"token": words[0].decode(), "size": int(words[1]), "synced": False}


def _is_part(data, value):
    return not value["token"].startswith("log") and len(data) < value["size"]


def _durable(op, synced_close):
    return op["synced"] or (synced_close and op["op"] in ("create", "overwrite"))


def torn_objects(directory):
    """Files of a UFS directory that are no whole version of anything."""
    wrong = []
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if name.startswith(".tarn-upload."):
                continue
            with open(path, "rb") as f:
                data = f.read()
            problem = torn(data)
            if problem:
                wrong.append(f"{path}: {problem}")
    return wrong


class Writers:
    """Several writers at once, each in its own directory below `mount`; their journals are in `notes`."""

    def __init__(self, mount, notes, count, seed, fsync_percent=20):
        self.mount, self.notes, self.count, self.seed = mount, notes, count, seed
        self.fsync_percent = fsync_percent
        self.base = [{} for _ in range(count)]
        self.processes = []
        self.round = 0
        os.makedirs(notes, exist_ok=True)

    def directory(self, i):
        return os.path.join(self.mount, f"w{i}")

    def _file(self, kind, i):
        return os.path.join(self.notes, f"{kind}{i}.{self.round}")

    def start(self):
        self.round += 1
        self.processes = []
        for i in range(self.count):
            os.makedirs(self.directory(i), exist_ok=True)
            with open(self._file("state", i), "w", encoding="utf-8") as f:
                json.dump(self.base[i], f)
            open(self._file("journal", i), "w").close()
            words = [self.directory(i), self._file("journal", i), self._file("state", i), self.seed + 100 * self.round + i,
                     self.round, self.fsync_percent]
            self.processes.append(subprocess.Popen([sys.executable, os.path.realpath(__file__), *map(str, words)]))

    def started(self):
        """Waits until each has been acknowledged something: what comes next meets writers at work."""
        eventually(lambda: all(journal.ended or journal.error for journal in self.journals()), "the writers write")

    def stop(self):
        for process in self.processes:
            process.terminate()
        self.join()

    def join(self, timeout_s=PATIENCE_S):
        for process in self.processes:
            try:
                process.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Failed("a writer hangs: no error reached it after the crash")

    def journals(self):
        return [Journal(self._file("journal", i)) for i in range(self.count)]

    def check_after_kill(self, killed_at):
        """All that was acknowledged is there; what the writers find next is remembered. Returns how many operations."""
        total = 0
        for i, journal in enumerate(self.journals()):
            if journal.error and journal.error[0] < killed_at:
                raise Failed(f"w{i}: an operation failed before the kill: {journal.error[1]}")
            total += len(journal.ended)
            states = possible(self.base[i], journal, len(journal.ended), len(journal.ops), kill=True)
            self.base[i] = self._checked(i, states)
        return total

    def check_after_cut(self, before, after, synced_close):
        """Like check_after_kill, for a power cut between the times `before` and `after`. An acknowledged fsync is on the
        disk with all that came before it; so is a close if `synced_close`."""
        total = 0
        for i, journal in enumerate(self.journals()):
            if journal.error and journal.error[0] < after:
                raise Failed(f"w{i}: an operation failed before the power cut: {journal.error[1]}")
            acknowledged = sum(1 for t in journal.ended if t <= before)
            sure = max((k + 1 for k in range(acknowledged) if _durable(journal.ops[k], synced_close)), default=0)
            begun = sum(1 for t in journal.began if t <= after)
            total += acknowledged
            states = possible(self.base[i], journal, sure, begun, kill=False)
            self.base[i] = self._checked(i, states, may_lose=not synced_close)
        return total

    def _checked(self, i, states, may_lose=False):
        try:
            return verify(self.directory(i), states, may_lose)
        except Failed as why:
            raise Failed(f"w{i}, seed {self.seed}, round {self.round}: {why}")


class Writer:
    """The process that writes."""

    def __init__(self, directory, journal, base, seed, round_number, fsync_percent):
        self.directory, self.files = directory, base
        self.random = random.Random(seed)
        self.journal = os.open(journal, os.O_WRONLY | os.O_APPEND)
        self.prefix = f"{os.path.basename(directory)}.{round_number}"
        self.count, self.fsync_percent, self.log = 0, fsync_percent, None
        self.stopped = False

    def note(self, kind, text=""):
        os.write(self.journal, f"{kind} {time.monotonic():.6f} {text}\n".encode())

    def at(self, name):
        return os.path.join(self.directory, name)

    def do(self, action, **op):
        self.note("B", json.dumps(op))
        action()
        self.note("E")
        self.files = apply(self.files, op)

    def token(self, kind="v"):
        self.count += 1
        return f"{kind}{self.prefix}.{self.count}"

    def some_size(self):
        kind = self.random.random()
        return self.random.randrange(HEAD, 9000 if kind < 0.7 else 200_000 if kind < 0.95 else 3_000_000)

    def write(self, op, name, flags):
        token, size = self.token(), self.some_size()
        synced = self.random.randrange(100) < self.fsync_percent

        def action():
            data = content(token, size)
            fd = os.open(self.at(name), flags | os.O_WRONLY, 0o644)
            half = size // 2
            while data:
                data = data[os.write(fd, data[:half or None]):]
            if synced:
                os.fsync(fd)
            os.close(fd)
        self.do(action, op=op, name=name, token=token, size=size, synced=synced)

    def folders(self):
        return sorted({os.path.dirname(p) for p in self.files if "/" in p}) or ["g0"]

    def new_name(self):
        folder = self.random.choice(["", "", self.random.choice(self.folders())])
        os.makedirs(self.at(folder), exist_ok=True)
        return os.path.join(folder, f"f{self.random.randrange(25)}")

    def some_file(self):
        plain = sorted(p for p, v in self.files.items() if not v["token"].startswith("log"))
        return self.random.choice(plain) if plain else None

    def create(self):
        name = self.new_name()
        if name in self.files:
            return self.replace(name)
        return self.write("create", name, os.O_CREAT | os.O_EXCL)

    def replace(self, name=None):
        name = name or self.some_file() or "f0"
        spare = name + ".tmp"
        self.write("overwrite" if spare in self.files else "create", spare, os.O_CREAT | os.O_TRUNC)
        self.rename(spare, name)

    def rename(self, name, to):
        durable = self.fsync_percent > 0 and self.random.randrange(100) < 30

        def action():
            os.rename(self.at(name), self.at(to))
            for folder in {os.path.dirname(self.at(name)), os.path.dirname(self.at(to))} if durable else ():
                fd = os.open(folder, os.O_RDONLY)
                os.fsync(fd)
                os.close(fd)
        self.do(action, op="rename", name=name, to=to, synced=durable)

    def rename_some(self):
        name, to = self.some_file(), self.new_name()
        if name and name != to:
            self.rename(name, to)

    def overwrite(self):
        name = self.some_file()
        if name:
            self.write("overwrite", name, os.O_TRUNC)

    def unlink(self):
        name = self.some_file()
        if name:
            self.do(lambda: os.unlink(self.at(name)), op="unlink", name=name, synced=False)

    def move(self):
        name = self.folders()[0]
        if any(p.startswith(name + "/") for p in self.files):
            self.count += 1
            to = f"g{self.prefix}.{self.count}"
            self.do(lambda: os.rename(self.at(name), self.at(to)), op="move", name=name, to=to, synced=False)

    def append(self):
        new = self.log is None or self.log["length"] + 5000 > LOG_SIZE
        if new:
            self.log = {"token": self.token("log"), "length": 0, "fd": -1}
        before = self.log["length"]
        length = before + self.random.randrange(HEAD, 5000)

        def action():
            if new:
                flags = os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY
                self.log["fd"] = os.open(self.at(self.log["token"]), flags, 0o644)
            data = content(self.log["token"], LOG_SIZE)[before:length]
            while data:
                data = data[os.write(self.log["fd"], data):]
            if self.fsync_percent > 0:
                os.fsync(self.log["fd"])
        self.do(action, op="append", name=self.log["token"], token=self.log["token"], before=before, length=length, new=new,
                synced=self.fsync_percent > 0)
        self.log["length"] = length

    def read(self):
        name = self.some_file()
        data = read_or_none(self.at(name)) if name else b""
        if name and (isinstance(data, OSError) or not matches(data, self.files[name])):
            raise OSError(errno.EBADMSG, f"reads back wrongly: {explain(data, [self.files[name]])}", name)

    def run(self):
        steps = [self.replace] * 7 + [self.create] * 4 + [self.overwrite] * 2 + [self.append] * 3 + \
            [self.unlink, self.rename_some, self.rename_some, self.move, self.read, self.read]
        try:
            while not self.stopped:
                self.random.choice(steps)()
        except OSError as error:
            self.note("X", str(error))


def main():
    directory, journal, base, seed, round_number, fsync_percent = sys.argv[1:]
    with open(base, encoding="utf-8") as f:
        writer = Writer(directory, journal, json.load(f), int(seed), int(round_number), int(fsync_percent))

    def stop(*_):
        writer.stopped = True
    signal.signal(signal.SIGTERM, stop)
    writer.run()


if __name__ == "__main__":
    main()
