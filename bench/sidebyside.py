#!/usr/bin/env python3
"""Does the same work on several directories in one run, side by side: a native file system, libfuse's example, a mount.

usage: bench/sidebyside.py [--native DIR] [--example PROGRAM] [--mount DIR | --tarn BINARY] [--rounds N] [--json] ...

Machines differ, and one machine differs from minute to minute. So every workload runs on each directory in turn, in each
round in another order, and only the medians and their ratios count. --example names libfuse's passthrough_hp (built from
libfuse's source); it and Tarn (unless --mount names a running mount) are mounted here over directories beside the native
one, all on the same disk. Needs root for dropping the page cache and for passthrough.
"""

import argparse
import contextlib
import json
import mmap
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
PAGE = 4096


class Place:
    """A directory that is measured."""

    def __init__(self, name, path):
        self.name, self.path = name, path

    def at(self, name):
        return os.path.join(self.path, name)


def drop_page_cache():
    os.sync()
    with contextlib.suppress(OSError), open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("1")


def rate(count, work):
    start = time.perf_counter()
    for i in range(count):
        work(i)
    return count / (time.perf_counter() - start)


# Workloads: each takes a place and the options and returns a rate. ---------------------------------------------------

def write_big(place, o, sync=False):
    block = random.Random(1).randbytes(MIB)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place.at("big"))
    fd = os.open(place.at("big"), os.O_CREAT | os.O_WRONLY, 0o644)
    start = time.perf_counter()
    for _ in range(o.size):
        os.write(fd, block)
    if sync:
        os.fsync(fd)
    seconds = time.perf_counter() - start
    os.close(fd)
    return o.size / seconds


def write_big_synced(place, o):
    return write_big(place, o, sync=True)


def read_big(place, o):
    fd = os.open(place.at("big"), os.O_RDONLY)
    buffer = bytearray(MIB)
    start = time.perf_counter()
    total = 0
    while n := os.readv(fd, [buffer]):
        total += n
    seconds = time.perf_counter() - start
    os.close(fd)
    if total != o.size * MIB:
        raise RuntimeError(f"read {total} bytes of {o.size * MIB}")
    return total / MIB / seconds


def read_big_cold(place, o):
    drop_page_cache()
    return read_big(place, o)


def read_big_warm(place, o):
    read_big(place, o)
    return read_big(place, o)


def random_reads(place, o):
    fd = os.open(place.at("big"), os.O_RDONLY)
    choice = random.Random(2)
    offsets = [choice.randrange(o.size * MIB // PAGE) * PAGE for _ in range(o.random)]
    buffer = bytearray(PAGE)
    result = rate(o.random, lambda i: os.preadv(fd, [buffer], offsets[i]))
    os.close(fd)
    return result


def random_writes(place, o):
    fd = os.open(place.at("big"), os.O_WRONLY)
    choice = random.Random(3)
    offsets = [choice.randrange(o.size * MIB // PAGE) * PAGE for _ in range(o.random)]
    block = choice.randbytes(PAGE)
    result = rate(o.random, lambda i: os.pwrite(fd, block, offsets[i]))
    os.close(fd)
    return result


def mapped_reads(place, o):
    with open(place.at("big"), "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as mapping:
        pages = o.size * MIB // PAGE
        return rate(1, lambda _: sum(mapping[::PAGE])) * pages


def create_small(place, o):
    os.makedirs(place.at("small"), exist_ok=True)
    block = bytes(PAGE)

    def one(i):
        fd = os.open(place.at(f"small/f{i}"), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        os.write(fd, block)
        os.close(fd)
    return rate(o.files, one)


def stat_small(place, o):
    return rate(o.files, lambda i: os.stat(place.at(f"small/f{i}")))


def list_small(place, o):
    def one(_):
        count = sum(1 for entry in os.scandir(place.at("small")) if entry.stat().st_size == PAGE)
        if count != o.files:
            raise RuntimeError(f"listed {count} files of {o.files}")
    return rate(1, one) * o.files


def read_small(place, o):
    def one(i):
        fd = os.open(place.at(f"small/f{i}"), os.O_RDONLY)
        if len(os.read(fd, PAGE)) != PAGE:
            raise RuntimeError("a short read")
        os.close(fd)
    return rate(o.files, one)


def rename_small(place, o):
    return rate(o.files, lambda i: os.rename(place.at(f"small/f{i}"), place.at(f"small/g{i}")))


def unlink_small(place, o):
    result = rate(o.files, lambda i: os.unlink(place.at(f"small/g{i}")))
    os.rmdir(place.at("small"))
    return result


WORK = [("sequential write, 1 MiB", "MiB/s", write_big), ("sequential write and fsync, 1 MiB", "MiB/s", write_big_synced),
        ("sequential read, 1 MiB, page cache dropped", "MiB/s", read_big_cold),
        ("sequential read, 1 MiB, warm", "MiB/s", read_big_warm), ("random read, 4 KiB, warm", "/s", random_reads),
        ("mapped read, a byte a page", "pages/s", mapped_reads), ("random write, 4 KiB", "/s", random_writes),
        ("create, write 4 KiB, close", "/s", create_small), ("stat", "/s", stat_small), ("scandir and stat", "/s", list_small),
        ("open, read 4 KiB, close", "/s", read_small), ("rename", "/s", rename_small), ("unlink", "/s", unlink_small)]


# The places, mounted and unmounted -----------------------------------------------------------------------------------

def mounted(path):
    return os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev


def mount_example(stack, root, program):
    source, mnt = os.path.join(root, "example-source"), os.path.join(root, "example")
    os.mkdir(source)
    os.mkdir(mnt)
    process = subprocess.Popen([program, "--foreground", source, mnt], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end():
        subprocess.run(["umount", mnt], capture_output=True)
        process.terminate()
        process.wait()
    stack.callback(end)
    deadline = time.monotonic() + 20
    while not mounted(mnt):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{program} does not mount {mnt}")
        time.sleep(0.02)
    return Place("example", mnt)


def mount_tarn(stack, root, binary, properties):
    source, mnt = os.path.join(root, "tarn-source"), os.path.join(root, "tarn")
    os.mkdir(source)
    os.mkdir(mnt)
    words = [word for p in properties for word in ("-D", p)]
    subprocess.run([binary, "mount", *words, "--state", os.path.join(root, "tarn-state"), f"file://{source}", mnt], check=True,
                   stdout=subprocess.DEVNULL)
    stack.callback(lambda: subprocess.run([binary, "unmount", mnt], check=True, stdout=subprocess.DEVNULL))
    return Place("tarn", mnt)


def places(stack, o):
    root = tempfile.mkdtemp(prefix="sidebyside-", dir=o.native)
    stack.callback(shutil.rmtree, root, ignore_errors=True)
    native = Place("native", os.path.join(root, "native"))
    os.mkdir(native.path)
    found = [native]
    if o.example:
        found.append(mount_example(stack, root, o.example))
    if o.tarn:
        found.append(mount_tarn(stack, root, o.tarn, o.define))
    if o.mount:
        mine = tempfile.mkdtemp(prefix="sidebyside-", dir=o.mount)
        stack.callback(shutil.rmtree, mine, ignore_errors=True)
        found.append(Place("mount", mine))
    return found


def measure(measured, o):
    """Workload -> place -> its rates; and what failed, which hides no other figures."""
    rates = {name: {p.name: [] for p in measured} for name, _, _ in WORK}
    failures = {}
    for number in range(o.rounds):
        order = measured[number % len(measured):] + measured[:number % len(measured)]
        for name, _, work in WORK:
            if o.only and o.only not in name:
                continue
            for place in order:
                try:
                    rates[name][place.name].append(work(place, o))
                except (OSError, RuntimeError) as error:
                    failures[f"{name} on {place.name}"] = str(error)
    return rates, failures


def report(rates, failures, measured, as_json):
    rows = []
    for name, unit, _ in WORK:
        medians = {p: statistics.median(values) for p, values in rates[name].items() if values}
        if medians:
            base = [p.name for p in measured][:2]
            ratios = {f"{p} / {b}": medians[p] / medians[b] for p in medians for b in base if p != b and b in medians
                      and [q.name for q in measured].index(p) > base.index(b)}
            rows.append({"work": name, "unit": unit, "medians": medians, "ratios": ratios})
    if as_json:
        print(json.dumps({"rows": rows, "failures": failures}, indent=1))
        return
    ratios = list(dict.fromkeys(r for row in rows for r in row["ratios"]))
    print(f"{'':52}" + "".join(f"{p.name:>12}" for p in measured) + "".join(f"{r:>18}" for r in ratios))
    for row in rows:
        medians = "".join(f"{row['medians'].get(p.name, float('nan')):>12,.0f}" for p in measured)
        print(f"{row['work'] + ', ' + row['unit']:52}" + medians
              + "".join(f"{row['ratios'].get(r, float('nan')):>18.2f}" for r in ratios))
    for what, why in failures.items():
        print(f"failed: {what}: {why}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--native", default="/var/tmp", help="a directory of the native file system (default /var/tmp)")
    parser.add_argument("--example", help="libfuse's passthrough_hp, to be mounted for comparison")
    parser.add_argument("--tarn", help="a tarn binary, to be mounted")
    parser.add_argument("-D", dest="define", action="append", default=[], metavar="PROPERTY=VALUE", help="for --tarn")
    parser.add_argument("--mount", help="a directory of a mount that runs already")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256, help="MiB of the big file")
    parser.add_argument("--files", type=int, default=2000, help="number of small files")
    parser.add_argument("--random", type=int, default=20000, help="number of random reads and writes")
    parser.add_argument("--only", help="only workloads with this in their name")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        measured = places(stack, options)
        rates, failures = measure(measured, options)
    report(rates, failures, measured, options.json)
    return 1 if failures else 0


sys.exit(main())
