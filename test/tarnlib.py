"""What the end-to-end tests share: a mounted Tarn in a scratch directory, cases and their report, comparing trees.

A script lists its cases with @case and ends with main(). Each case prints one line, `ok`, `FAIL` or `skip`, which
test/run counts. Nothing survives a script: test/run (or sweep() here) removes mounts, daemons and loop devices that
belong to the script's scratch directory.

Environment: TARN (the binary; default build/release/tarn), TARN_TEST_TMP (where scratch directories are made),
TARN_PLAIN (no Tarn, to try the tests themselves; 1: the mount point is a bind mount of the source; a program: it is run
with source and mount point, such as libfuse's passthrough_hp; cases that need Tarn are skipped), TARN_SEED,
TARN_TEST_LONG (1: the random tests run for hours, as `scripts/test --long` wants it).
"""

import atexit
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

TEST = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(TEST)
PLAIN = os.environ.get("TARN_PLAIN")
BINARY = os.environ.get("TARN", os.path.join(REPO, "build/release/tarn"))
LONG = os.environ.get("TARN_TEST_LONG") == "1"
SEED = int(os.environ.get("TARN_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
PATIENCE_S = 180   # The limit of each wait for a state. A busy machine must not meet it: it ends tests that hang.


class Failed(Exception):
    """A claim that does not hold; its text is the whole report."""


def count(name, short, long):
    """How often a random test goes round: the number among the script's arguments, else the variable, else by LONG."""
    given = [argument for argument in sys.argv[1:] if argument.isdigit()]
    sys.argv[1:] = [argument for argument in sys.argv[1:] if not argument.isdigit()]
    return int(given[0] if given else os.environ.get(name, long if LONG else short))


class Skipped(Exception):
    """The case cannot be tried here; its text says why."""


def check(holds, text):
    if not holds:
        raise Failed(text)


def equal(seen, expected, what):
    check(seen == expected, f"{what}: expected {short(expected)}, seen {short(seen)}")


def short(value):
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:200]}...{text[-60:]} ({len(text)} characters)"


def raises(errno, action, *arguments, **keywords):
    """Runs `action`, which must fail with exactly this errno."""
    try:
        result = action(*arguments, **keywords)
    except OSError as error:
        name = getattr(action, "__name__", str(action))
        check(error.errno == errno, f"{name}{arguments}: expected {os.strerror(errno)}, seen {error}")
        return
    raise Failed(f"{action.__name__}{short(arguments)}: expected {os.strerror(errno)}, it returned {short(result)}")


def eventually(holds, what, timeout_s=PATIENCE_S):
    """Polls until `holds()` is true; for states that a background task reaches."""
    end = time.monotonic() + timeout_s
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.02)


def run(*command, cwd=None, expect=0, timeout_s=600, stdin=None, env=None):
    """Runs a command, which must exit with `expect` (None: anything); returns it with its output as text."""
    command = [str(word) for word in command]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, errors="replace",
                          timeout=timeout_s, env=dict(os.environ, **(env or {})))
    if expect is not None and done.returncode != expect:
        output = (done.stdout[-1500:] + done.stderr[-1500:]).strip()
        raise Failed(f"`{' '.join(command)}` exited with {done.returncode}, expected {expect}: {output}")
    return done


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Skipped(f"{tool} is not installed")


def births_are_told():
    """Whether Tarn can tell the time of birth: libfuse asks for it from 3.18 on."""
    if PLAIN:
        return True
    library = re.search(r"libfuse3\S* => (\S+)", run("ldd", BINARY).stdout)[1]
    return ctypes.CDLL(library).fuse_version() >= 318


def copy_for_everybody(directory):
    """The program and its libraries out of the repository, which others may not be able to reach."""
    os.mkdir(directory)
    libraries = re.findall(r"=> (/\S+)", run("ldd", BINARY).stdout)
    for path in [BINARY, *(path for path in libraries if path.startswith(REPO + "/"))]:
        shutil.copy(path, directory)
    return f"{directory}/{os.path.basename(BINARY)}"


def helper(name):
    """A test program that the build made, or its path from TARN_HELPERS."""
    for folder in (os.environ.get("TARN_HELPERS"), os.path.dirname(BINARY)):
        if folder and os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise Failed(f"{name} is not built beside {BINARY}")


def write_file(path, data, mode="wb"):
    with open(path, mode) as f:
        f.write(data)


def read_file(path):
    with open(path, "rb") as f:
        return f.read()


def files_below(directory, look):
    """(path, look(path)) of each file that is still there when it is looked at: a daemon at work removes files."""
    for folder, _, names in os.walk(directory):
        for path in (os.path.join(folder, name) for name in names):
            try:
                yield path, look(path)
            except FileNotFoundError:
                pass


# Mounts below a directory, and getting rid of them ------------------------------------------------------------------

def mounts_below(directory):
    """Mount points at or below `directory`, the deepest and newest first."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            point = line.split()[4].replace("\\040", " ")
            if point == directory or point.startswith(directory + "/"):
                found.append(point)
    return found[::-1]


def processes_naming(directory):
    """Processes whose command line names something in `directory`, other than this one and its parents."""
    own = {os.getpid(), os.getppid()}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = read_file(f"/proc/{pid}/cmdline")
        except OSError:
            continue
        if os.fsencode(directory) + b"/" in words and int(pid) not in own:
            yield int(pid)


def sweep(directory):
    """Leaves nothing of a scratch directory: daemons, mounts, loop devices, files."""
    for pid in processes_naming(directory):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    for point in mounts_below(directory):
        subprocess.run(["umount", "-f", point], capture_output=True)
    for point in mounts_below(directory):
        subprocess.run(["umount", "-l", point], capture_output=True)
    loops = subprocess.run(["losetup", "-nlO", "NAME,BACK-FILE"], capture_output=True, text=True).stdout
    for line in loops.splitlines():
        name, _, backing = line.strip().partition(" ")
        if backing.strip().startswith(directory + "/"):
            subprocess.run(["losetup", "-d", name], capture_output=True)
    shutil.rmtree(directory, ignore_errors=True)


def scratch(name):
    """A new directory, swept when the script ends however it ends."""
    directory = tempfile.mkdtemp(prefix=f"tarn-{name}-", dir=os.environ.get("TARN_TEST_TMP", "/var/tmp"))
    os.chmod(directory, 0o755)
    atexit.register(sweep, directory)
    return directory


# A mounted Tarn -----------------------------------------------------------------------------------------------------

_beds = []


class Bed:
    """A source directory, a state directory and a mount of it. `mnt` is where to work."""

    def __init__(self, name="test", properties=(), options=(), source=None, state=None, mounted=True):
        self.root = scratch(name)
        self.source = source or os.path.join(self.root, "source")
        self.state = state or os.path.join(self.root, "state")
        self.mnt = os.path.join(self.root, "mnt")
        self.properties = list(properties)
        self.options = list(options)
        self.environment = {}
        self.pid, self.serving = None, False
        _beds.append(self)
        for directory in (self.source, self.mnt):
            os.makedirs(directory, exist_ok=True)
        if mounted:
            self.mount()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        sweep(self.root)
        self.serving = False

    def tarn(self, *arguments, expect=0, timeout_s=600):
        return run(BINARY, *arguments, expect=expect, timeout_s=timeout_s, env=self.environment)

    def uri(self):
        """What is mounted."""
        return f"file://{self.source}"

    def ask(self, *arguments, **keywords):
        """A command about this mount, whichever others there are."""
        return self.tarn(*arguments, "--at", self.mnt, **keywords)

    def mount(self, *more, expect=0, timeout_s=PATIENCE_S):
        if PLAIN:
            return run(*(("mount", "--bind") if PLAIN == "1" else (PLAIN,)), self.source, self.mnt)
        words = [word for p in self.properties for word in ("-D", p)]
        words += [word for o in self.options for word in ("-o", o)]
        done = self.tarn("mount", *words, *more, "--state", self.state, self.uri(), self.mnt, expect=expect,
                         timeout_s=timeout_s)
        if expect == 0:
            self.serves()
        return done

    def serves(self):
        """After a mount that succeeded."""
        check(self.mnt in mounts_below(self.mnt), f"{self.mnt} is not a mount point after tarn mount returned 0")
        self.pid, self.serving = int(self.facts()["pid"]), True

    def facts(self):
        """What `tarn stat` says of this mount."""
        return first_object(json.loads(self.ask("stat", "--json").stdout), "pid")

    def unmount(self, *more, expect=0, timeout_s=600):
        if PLAIN:
            return run("umount", self.mnt)
        done = self.tarn("unmount", *more, self.mnt, expect=expect, timeout_s=timeout_s)
        if expect == 0:
            check(self.mnt not in mounts_below(self.mnt), f"{self.mnt} is still mounted after tarn unmount")
            self.serving = False
        return done

    def alive(self):
        return bool(PLAIN) or (self.pid is not None and running(self.pid))

    def kill(self):
        """The daemon dies as by a crash; its dead mount is left behind, as a crash leaves it."""
        if PLAIN:
            return
        os.kill(self.pid, signal.SIGKILL)
        self.serving = False
        await_end(self.pid)

    def remount(self):
        """Mounts again after kill() or unmount()."""
        if PLAIN:
            if not mounts_below(self.mnt):
                self.mount()
            return
        self.mount()

    def wait(self, timeout_s=600):
        """Until everything written is in the UFS."""
        if not PLAIN:
            self.ask("async-persist", "wait", timeout_s=timeout_s)

    def persist_state(self, path):
        """The state that `fs stat` shows; PERSISTED on a plain file system."""
        if PLAIN:
            return "PERSISTED"
        told = json.loads(self.ask("fs", "stat", "--json", path).stdout)
        for key in ("persist_state", "persistState", "state"):
            found = first_object(told, key)
            if found:
                return found[key]
        raise Failed(f"fs stat --json {path} names no persist state: {short(told)}")

    def log_tail(self):
        for folder, _, names in os.walk(self.state):
            for name in names:
                if name.endswith(".log") and "rocksdb" not in folder and name != "LOG":
                    with open(os.path.join(folder, name), errors="replace") as f:
                        lines = f.read().splitlines()
                    if lines and not name[0].isdigit():
                        return "\n".join(lines[-15:])
        return ""


def running(pid):
    """Whether any of its threads is left: until the last is gone a killed process keeps its files and mounts."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            state = f.read().rsplit(")", 1)[1].split()[0]
        return state not in "ZX" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def await_end(pid):
    eventually(lambda: not running(pid), f"process {pid} ends after kill -9")


def first_object(value, key):
    """The first object in a JSON value that has `key`."""
    if isinstance(value, dict) and key in value:
        return value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        found = first_object(child, key)
        if found:
            return found
    return None


# Cases --------------------------------------------------------------------------------------------------------------

_cases = []


def case(function=None, needs_tarn=False):
    """Marks a function as a case. It is called with what main() was given, a Bed most of the time."""
    def mark(f):
        f.needs_tarn = needs_tarn
        _cases.append(f)
        return f
    return mark(function) if function else mark


def known_faults():
    """Faults of the product that are known and not mended yet, by "SCRIPT" or "SCRIPT CASE": lines of test/known_faults."""
    faults = {}
    with open(os.path.join(TEST, "known_faults"), encoding="utf-8") as f:
        for line in f:
            name, _, why = line.strip().partition(": ")
            if why and not name.startswith("#"):
                faults[name] = why
    return faults


def _outcome(function, bed):
    if function.needs_tarn and PLAIN:
        return "skip", "needs Tarn"
    try:
        text = function(bed() if callable(bed) else bed) or ""
        return "ok", str(text)
    except Skipped as why:
        return "skip", str(why)
    except Failed as why:
        return "FAIL", str(why)
    except Exception as why:
        return "FAIL", f"{type(why).__name__}: {why} ({_where(why)})"


def _where(error):
    """The lines that led to an error, in the scripts of this folder."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(TEST) and f.name != "_outcome"]
    return " > ".join(f"{os.path.basename(f.filename)}:{f.lineno} {f.line}" for f in frames[-3:])


def in_child(action):
    """Runs `action` in a forked process and returns its exit status: 0, or 1 after an exception, which is shown."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(bed=None):
    """Runs the cases (or those named in the arguments) and exits with 1 if one failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = sys.argv[1:]
    failures = 0
    known = {} if chosen else known_faults()
    script = os.path.basename(sys.argv[0])
    for function in _cases:
        if chosen and function.__name__ not in chosen:
            continue
        if f"{script} {function.__name__}" in known:
            print(f"skip {function.__name__}: known fault: {known[f'{script} {function.__name__}']} (named, it runs)", flush=True)
            continue
        start = time.monotonic()
        outcome, text = _outcome(function, bed)
        seconds = time.monotonic() - start
        print(f"{outcome} {function.__name__} ({seconds:.1f} s)" + (f": {text}" if text else ""), flush=True)
        if outcome == "FAIL":
            failures += 1
            for dead in [b for b in _beds if b.serving and not running(b.pid)]:
                print(f"  the daemon of {dead.mnt} died; its log ends:\n{dead.log_tail()}", flush=True)
                dead.serving = False
            if isinstance(bed, Bed) and not bed.alive():
                bed.remount()
    sys.exit(1 if failures else 0)
