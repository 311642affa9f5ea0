#!/usr/bin/python3
"""Does the same work on one bucket by several ways in one run, side by side: Tarn, s3fs, rclone, AWS CLI, parallel curls.

usage: bench/s3_sidebyside.py [--tarn BINARY] [-D PROPERTY=VALUE] [--rounds N] [--size MIB] [--objects N] [--only TEXT] [--json]

The server is a radosgw on this machine (test/s3/radosgw.py), in memory. The ways to it are
compared, and only ratios within one run mean something. Every round measures every way in turn, in another order, each with a mount of its
own that has nothing cached, the page cache dropped. The best of the ways that are no mounts is the bar. Ways whose
program is not installed are left out and named. Needs root.

Works: a cold sequential read; many small objects read cold by 16 at a time; writing a file until the bucket has it
(from the first byte, and for Tarn also from close).
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "test/s3"))
import fill  # noqa: E402
import radosgw  # noqa: E402

MIB = 1 << 20
SMALL = 100 * 1024
WIDTH = 16      # Small objects at a time, for everybody.
CURLS = 8
BUCKET = "bench"


def drop_page_cache():
    os.sync()
    with contextlib.suppress(OSError), open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("1")


def run(*words, **keywords):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, **keywords)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words[:4]))}...: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def read_whole(path):
    buffer, total = bytearray(MIB), 0
    with open(path, "rb", buffering=0) as f:
        while n := f.readinto(buffer):
            total += n
    return total


def copy_in(source, target):
    """Writes a file as a program does that has its bytes at hand, and closes it."""
    with open(source, "rb", buffering=0) as f, open(target, "wb", buffering=0) as t:
        while piece := f.read(MIB):
            t.write(piece)


class Way:
    """One way to a bucket. Works return seconds; fresh() is called before each."""

    mounted = False

    def __init__(self, bench):
        self.bench = bench

    def fresh(self):
        self.work = tempfile.mkdtemp(prefix=self.name.replace(" ", "-") + "-", dir=self.bench.root)

    def done(self):
        shutil.rmtree(self.work, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.work, name)


class MountedWay(Way):
    mounted = True

    def fresh(self):
        super().fresh()
        self.mnt = self.path("mnt")
        os.mkdir(self.mnt)
        self.mount()
        end = time.monotonic() + 20
        while os.stat(self.mnt).st_dev == os.stat(self.work).st_dev:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name} does not mount")
            time.sleep(0.05)

    def done(self):
        self.unmount()
        super().done()

    def unmount(self):
        for _ in range(50):
            if subprocess.run(["umount", self.mnt], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        subprocess.run(["umount", "-l", self.mnt], capture_output=True)

    def read_big(self):
        start = time.perf_counter()
        total = read_whole(os.path.join(self.mnt, "big"))
        seconds = time.perf_counter() - start
        if total != self.bench.size:
            raise RuntimeError(f"read {total} bytes of {self.bench.size}")
        return seconds

    def read_small(self):
        def one(i):
            return read_whole(os.path.join(self.mnt, self.bench.small_key(i)))
        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(WIDTH) as pool:
            total = sum(pool.map(one, range(self.bench.objects)))
        seconds = time.perf_counter() - start
        if total != self.bench.objects * SMALL:
            raise RuntimeError(f"read {total} bytes")
        return seconds

    def write_big(self):
        start = time.perf_counter()
        copy_in(self.bench.source, os.path.join(self.mnt, self.bench.new_key()))
        self.closed_s = time.perf_counter() - start
        self.await_upload()
        return time.perf_counter() - start

    def await_upload(self):
        self.bench.await_object()


class Tarn(MountedWay):
    name, program = "tarn", None

    def mount(self):
        words = [w for p in [*self.bench.tarn_properties(), *self.bench.define] for w in ("-D", p)]
        run(self.bench.tarn, "mount", *words, "--state", self.path("state"), f"s3://{BUCKET}", self.mnt, env=self.bench.environment)

    def unmount(self):
        run(self.bench.tarn, "unmount", self.mnt)

    def await_upload(self):
        run(self.bench.tarn, "async-persist", "wait", "--at", self.mnt)


class S3fs(MountedWay):
    name, program = "s3fs", "s3fs"

    def mount(self):
        passwd = self.path("passwd")
        with open(os.open(passwd, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as f:
            f.write(":".join(self.bench.keys))
        run("s3fs", BUCKET, self.mnt, "-o", f"url={self.bench.endpoint},use_path_request_style,passwd_file={passwd},"
            "parallel_count=16,multipart_size=16,max_stat_cache_size=100000,tmpdir=" + self.work)


class RcloneMount(MountedWay):
    name, program = "rclone mount", "rclone"

    def mount(self):
        run("rclone", "mount", f"t:{BUCKET}", self.mnt, "--daemon", "--vfs-cache-mode", "full", "--cache-dir", self.path("cache"),
            "--vfs-write-back", "0s", "--buffer-size", "64M", "--vfs-read-chunk-size", "64M", *self.bench.rclone_options,
            env=self.bench.environment)


class RcloneCopy(Way):
    name, program = "rclone copy", "rclone"

    def copy(self, source, target, *more):
        start = time.perf_counter()
        run("rclone", *more, source, target, *self.bench.rclone_options, env=self.bench.environment)
        return time.perf_counter() - start

    def read_big(self):
        return self.copy(f"t:{BUCKET}/big", self.path("big"), "copyto")

    def read_small(self):
        return self.copy(f"t:{BUCKET}/small", self.path("small"), "copy")

    def write_big(self):
        return self.copy(self.bench.source, f"t:{BUCKET}/{self.bench.new_key()}", "copyto")


class AwsCopy(Way):
    name, program = "aws s3 cp", "aws"

    def copy(self, *words):
        start = time.perf_counter()
        run("aws", "--endpoint-url", self.bench.endpoint, "s3", "cp", "--only-show-errors", *words, env=self.bench.environment)
        return time.perf_counter() - start

    def read_big(self):
        return self.copy(f"s3://{BUCKET}/big", self.path("big"))

    def read_small(self):
        return self.copy("--recursive", f"s3://{BUCKET}/small", self.path("small"))

    def write_big(self):
        return self.copy(self.bench.source, f"s3://{BUCKET}/{self.bench.new_key()}")


class Curls(Way):
    name, program = f"{CURLS} curls", "curl"

    def read_big(self):
        part = -(-self.bench.size // CURLS)
        url = self.bench.url("big")
        start = time.perf_counter()
        processes = [subprocess.Popen(["curl", "-sfo", self.path(f"part{i}"), "-r", f"{i * part}-{min((i + 1) * part, self.bench.size) - 1}", url])
                     for i in range(CURLS)]
        if any(p.wait() for p in processes):
            raise RuntimeError("curl failed")
        seconds = time.perf_counter() - start
        if sum(os.path.getsize(self.path(f"part{i}")) for i in range(CURLS)) != self.bench.size:
            raise RuntimeError("the parts are not the whole")
        return seconds


WAYS = [Tarn, S3fs, RcloneMount, RcloneCopy, AwsCopy, Curls]


class Bench:
    """The server with its objects, and what the ways share."""

    def __init__(self, stack, options):
        self.root = tempfile.mkdtemp(prefix="s3bench-", dir=options.work)
        stack.callback(shutil.rmtree, self.root, ignore_errors=True)
        server = self.server = radosgw.start(os.path.join(self.root, "radosgw"))
        stack.callback(radosgw.stop, server.directory)
        self.endpoint, self.keys = server.endpoint, server.keys["first"]
        self.size, self.objects, self.define, self.tarn = options.size * MIB, options.objects, options.define, options.tarn
        self.rclone_options = ["--transfers", str(WIDTH), "--checkers", str(WIDTH), "--multi-thread-streams", "8", "--s3-chunk-size", "16M",
                               "--s3-upload-concurrency", "8", "--log-level", "ERROR"]
        self.environment = dict({**os.environ, **server.environment()}, PYTHONWARNINGS="ignore",
                                AWS_CONFIG_FILE=self.aws_configuration(), RCLONE_CONFIG="/dev/null", RCLONE_CONFIG_T_TYPE="s3",
                                RCLONE_CONFIG_T_PROVIDER="Ceph", RCLONE_CONFIG_T_ENV_AUTH="true", RCLONE_CONFIG_T_ENDPOINT=self.endpoint, RCLONE_CONFIG_T_REGION="us-east-1")
        self.new = 0
        self.make_objects()

    def aws_configuration(self):
        path = os.path.join(self.root, "aws")
        with open(path, "w", encoding="ascii") as f:
            f.write("[default]\ns3 =\n  max_concurrent_requests = 16\n  multipart_chunksize = 16MB\n  multipart_threshold = 16MB\n  addressing_style = path\n")
        return path

    def client(self):
        import boto3
        from botocore.config import Config
        return boto3.client("s3", endpoint_url=self.endpoint, aws_access_key_id=self.keys[0], aws_secret_access_key=self.keys[1],
                            region_name="us-east-1", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))

    def make_objects(self):
        self.source = os.path.join(self.root, "source")
        with open(self.source, "wb") as f:
            for _ in range(self.size // MIB):
                f.write(os.urandom(MIB))
        client = self.client()
        client.create_bucket(Bucket=BUCKET)
        client.upload_file(self.source, BUCKET, "big")
        fill.put_many(self.server, BUCKET, ((self.small_key(i), os.urandom(SMALL)) for i in range(self.objects)), processes=2)

    def small_key(self, i):
        return f"small/{i:05}"

    def new_key(self):
        self.new += 1
        return f"new{self.new}"

    def url(self, key):
        return self.client().generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})

    def await_object(self):
        """Until the bucket has the last new object, whole."""
        client, end = self.client(), time.monotonic() + 300
        while time.monotonic() < end:
            with contextlib.suppress(client.exceptions.ClientError):
                if client.head_object(Bucket=BUCKET, Key=f"new{self.new}")["ContentLength"] == self.size:
                    return
            time.sleep(0.01)
        raise RuntimeError(f"new{self.new} is not in the bucket after 300 s")

    def forget_new(self):
        self.client().delete_object(Bucket=BUCKET, Key=f"new{self.new}")

    def tarn_properties(self):
        return [f"tarn.underfs.s3.endpoint={self.endpoint}", "tarn.underfs.s3.endpoint.region=us-east-1",
                "tarn.underfs.s3.disable.dns.buckets=true", "tarn.write.cache.persist.delay=0s"]


WORKS = ["read_big", "read_small", "write_big"]


def amount(bench, work):
    return (bench.objects, "objects/s") if work == "read_small" else (bench.size / MIB, "MiB/s")


def measure(bench, ways, options):
    """(work, way) -> rates; and what failed, which hides no other figures."""
    rates, failures = {}, {}
    for number in range(options.rounds):
        for work in (w for w in WORKS if not options.only or options.only in w):
            for way in ways[number % len(ways):] + ways[:number % len(ways)]:
                if not hasattr(way, work):
                    continue
                try:
                    one(bench, way, work, rates)
                except (OSError, RuntimeError) as error:
                    failures[f"{work} by {way.name}"] = str(error)[-300:]
    return rates, failures


def one(bench, way, work, rates):
    way.fresh()
    try:
        drop_page_cache()
        if work == "write_big":
            read_whole(bench.source)   # Everybody's source is in memory.
        seconds = getattr(way, work)()
        rates.setdefault((work, way.name), []).append(amount(bench, work)[0] / seconds)
        if work == "write_big" and way.name == "tarn":
            rates.setdefault(("write_big, from close", way.name), []).append(bench.size / MIB / max(seconds - way.closed_s, 1e-6))
    finally:
        if work == "write_big":
            bench.forget_new()
        way.done()


def report(bench, ways, rates, failures, options, absent):
    medians = {key: statistics.median(values) for key, values in rates.items()}
    table = []
    for work in WORKS:
        bars = [medians[work, way.name] for way in ways if not way.mounted and (work, way.name) in medians]
        for way in ways:
            for label in (work, f"{work}, from close"):
                if (label, way.name) in medians:
                    rate = medians[label, way.name]
                    table.append({"work": label, "way": way.name, "rate": rate, "unit": amount(bench, work)[1],
                                  "spread": [min(rates[label, way.name]), max(rates[label, way.name])],
                                  "of_best_copy": rate / max(bars) if bars else None})
    if options.json:
        print(json.dumps({"table": table, "failures": failures, "absent": absent}, indent=1))
        return
    print(f"{'work':24}{'way':16}{'median':>12}{'least':>10}{'most':>10} {'unit':12}{'of the best copy':>18}")
    for r in table:
        ratio = "" if r["of_best_copy"] is None else f"{r['of_best_copy']:.2f}"
        print(f"{r['work']:24}{r['way']:16}{r['rate']:>12.1f}{r['spread'][0]:>10.1f}{r['spread'][1]:>10.1f} {r['unit']:12}{ratio:>18}")
    for what, why in failures.items():
        print(f"failed: {what}: {why}")
    for name in absent:
        print(f"absent: {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tarn", default=os.path.join(ROOT, "build/release/tarn"))
    parser.add_argument("-D", dest="define", action="append", default=[], metavar="PROPERTY=VALUE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the big object (default 1024)")
    parser.add_argument("--objects", type=int, default=1000, help="number of objects of 100 KiB (default 1000)")
    parser.add_argument("--only", help="works with this in their name: read_big, read_small, write_big")
    parser.add_argument("--ways", help="names of ways, separated by commas; default: all")
    parser.add_argument("--work", default="/var/tmp", help="where mounts, caches and copies are (default /var/tmp)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # Mounts and the server are not left behind.
    with contextlib.ExitStack() as stack:
        try:
            bench = Bench(stack, options)
        except radosgw.NotAvailable as why:
            print(f"skip: no S3 server: {why}")
            return 0
        chosen = [w for w in WAYS if not options.ways or w.name in options.ways.split(",")]
        absent = [w.name for w in chosen if not shutil.which(w.program or bench.tarn)]
        ways = [w(bench) for w in chosen if w.name not in absent]
        rates, failures = measure(bench, ways, options)
    report(bench, ways, rates, failures, options, absent)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
