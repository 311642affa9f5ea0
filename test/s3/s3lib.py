"""What the tests on S3 share: the server, clients of it, and a Tarn mounted on a bucket.

The scripts that use it run with /usr/bin/python3, since the distribution's boto3 is there and nowhere else.

One server serves all scripts of a run: in the directory that TARN_TEST_RADOSGW names (test/run sets it, and stops the
server at its end; set it yourself and keep one running over several runs). Without it a script has a server of its own.
Each bed has a bucket of its own. TARN_S3_PROPERTIES: more properties for every mount, separated by spaces.
"""

import atexit
import concurrent.futures
import contextlib
import hashlib
import os
import queue
import random
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import radosgw  # noqa: E402
from proxy_process import ProxyProcess  # noqa: E402
from tarnlib import (BINARY, PATIENCE_S, PLAIN, Bed, Failed, Skipped, case, check, equal, eventually, need, run,  # noqa: E402
                     scratch, write_file)

# The UFS is asked again every second, and what is written is persisted at once; retries do not outlast a test. However
# busy the machine is, the server's answer is waited for.
FAST = ["tarn.ufs.metadata.sync.interval=1s", "tarn.write.cache.persist.delay=50ms",
        "tarn.worker.write.cache.async.persist.retry.max.interval=1s", "tarn.ufs.mount.timeout=1min",
        "tarn.ufs.metadata.sync.timeout=1min"]
KEYS = {"site": "in tarn-site.properties", "environment": "in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"}

os.environ.update({"AWS_CA_BUNDLE": "", "NO_PROXY": radosgw.LOOPBACK, "no_proxy": radosgw.LOOPBACK})

_server = None
_starting = threading.Lock()


def the_server():
    """The running server, one for all threads; Skipped says why there is none."""
    global _server
    with _starting:
        if _server is None:
            directory = os.environ.get("TARN_TEST_RADOSGW")
            if not directory:
                directory = scratch("radosgw")
                atexit.register(radosgw.stop, directory)
            try:
                _server = radosgw.start(directory, tls=True)
            except radosgw.NotAvailable as why:
                _server = why
        if isinstance(_server, radosgw.NotAvailable):
            raise Skipped(f"no S3 server: {_server}")
        return _server


def boto(endpoint=None, user="first", retries=1, timeout_s=PATIENCE_S, **config):
    """A boto3 client; `retries` counts attempts in all. Parameters go out as they are given."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise Skipped(f"python3-boto3 is not installed for {sys.executable}") from None
    server = the_server()
    access, secret = server.keys[user]
    settings = Config(retries={"total_max_attempts": retries, "mode": "standard"}, read_timeout=timeout_s,
                      connect_timeout=PATIENCE_S, signature_version="s3v4", s3={"addressing_style": "path"}, max_pool_connections=64, **config)
    return boto3.session.Session(aws_access_key_id=access, aws_secret_access_key=secret, region_name="us-east-1").client(
        "s3", endpoint_url=endpoint or server.endpoint, config=settings)


def aws(*words, expect=0, endpoint=None, timeout_s=600, stdin=None):
    """Runs AWS CLI on the server."""
    need("aws")
    server = the_server()
    return run("aws", "--endpoint-url", endpoint or server.endpoint, *words, expect=expect,
               timeout_s=timeout_s, stdin=stdin, env={**server.environment(), "PYTHONWARNINGS": "ignore"})


def comes_to(look, expected, what, timeout_s=PATIENCE_S):
    """Waits until `look()` is what is expected; the report shows the last it was."""
    seen = []

    def is_there():
        seen[:] = [look()]
        return seen[0] == expected
    try:
        eventually(is_there, what, timeout_s)
    except Failed:
        equal(seen[0], expected, f"{what}, after {timeout_s:g} s")


def new_bucket(client, name="b"):
    """A bucket with a name that no other has."""
    bucket = f"{name}-{random.SystemRandom().randrange(16 ** 10):010x}"
    client.create_bucket(Bucket=bucket)
    return bucket


def empty_bucket(client, bucket):
    """Deletes the bucket with all that is in it; the server's memory is the machine's."""
    with contextlib.suppress(Exception):
        for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        while True:
            keys = [{"Key": o["Key"]} for o in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
            if not keys:
                break
            client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        client.delete_bucket(Bucket=bucket)


def keys_of(client, bucket, prefix=""):
    """All keys, sorted."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [o["Key"] for page in pages for o in page.get("Contents", [])]


def object_bytes(client, bucket, key):
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def uploads_of(client, bucket):
    """Keys with multipart uploads that were neither completed nor aborted."""
    return [u["Key"] for u in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def pattern(size, seed=1):
    """Bytes of which no two places look alike, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def md5(data):
    return hashlib.md5(data).hexdigest()


def need_s3():
    """Skipped, if the binary does not know buckets."""
    if PLAIN:
        raise Skipped("needs Tarn")
    if 'unknown scheme "s3"' in run(BINARY, "mount", "s3://probe", "/nonexistent", expect=None).stderr:
        raise Skipped("this tarn does not know s3:// yet")


class S3Bed(Bed):
    """A bucket (with a prefix, if one is given) and a mount of it, by a fault proxy if `proxy` is set.

    `client` speaks to the server, past the proxy.
    """

    def __init__(self, name="s3", properties=(), prefix="", proxy=True, keys="site", bucket=None, mounted=True, **keywords):
        need_s3()
        self.server = the_server()
        self.client = boto()
        self.own_bucket = bucket is None
        self.bucket = bucket or new_bucket(self.client, name)
        self.prefix = prefix
        self.proxy = ProxyProcess(self.server.endpoint) if proxy else None
        self.keys = keys
        super().__init__(name, properties=[*FAST, *properties, *os.environ.get("TARN_S3_PROPERTIES", "").split()],
                         mounted=False, **keywords)
        self.environment = {"TARN_CONF_DIR": os.path.join(self.root, "conf")}
        os.mkdir(self.environment["TARN_CONF_DIR"], 0o700)
        self.site(self.connection())
        if mounted:
            self.mount()

    def connection(self):
        """The properties (or environment) that lead to the server."""
        access, secret = self.server.keys["first"]
        properties = {"tarn.underfs.s3.endpoint": self.proxy.endpoint if self.proxy else self.server.endpoint,
                      "tarn.underfs.s3.endpoint.region": "us-east-1", "tarn.underfs.s3.disable.dns.buckets": "true"}
        if self.keys == "site":
            return {**properties, "s3a.accessKeyId": access, "s3a.secretKey": secret}
        self.environment.update(self.server.environment())
        return properties

    def site(self, properties):
        write_file(os.path.join(self.environment["TARN_CONF_DIR"], "tarn-site.properties"),
                   "".join(f"{name}={value}\n" for name, value in properties.items()), "w")

    def uri(self):
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def mount(self, *more, expect=0, timeout_s=PATIENCE_S):
        done = super().mount(*more, expect=None, timeout_s=timeout_s)
        if expect is not None:
            equal((done.returncode, done.stderr if done.returncode else ""), (expect, "" if expect == 0 else done.stderr),
                  f"tarn mount {self.uri()}")
        if done.returncode == 0:
            self.serves()
        return done

    def put(self, key, data, **more):
        """Puts an object as another client; returns its ETag."""
        return self.client.put_object(Bucket=self.bucket, Key=self.key(key), Body=data, **more)["ETag"]

    def key(self, name):
        return f"{self.prefix.rstrip('/')}/{name}" if self.prefix else name

    def get(self, name):
        return object_bytes(self.client, self.bucket, self.key(name))

    def object_keys(self):
        return keys_of(self.client, self.bucket)

    def uploads(self):
        return uploads_of(self.client, self.bucket)

    def path(self, name):
        return os.path.join(self.mnt, name)

    def log_text(self):
        """The daemon's log, all of it."""
        text = ""
        for folder, _, names in os.walk(self.state):
            for name in names:
                if name.endswith(".log") and not name[0].isdigit():
                    with open(os.path.join(folder, name), errors="replace", encoding="utf-8") as f:
                        text += f.read()
        return text

    def settled(self):
        """Until no request is under way: a count made now is not made in the middle of something."""
        eventually(self.proxy.idle, "no request is under way")

    def close(self):
        if self.proxy:
            self.proxy.close()
        super().close()
        if self.own_bucket:
            empty_bucket(self.client, self.bucket)


# Cases that wait most of the time, several at a time ----------------------------------------------------------------

_rows = {}


def waiting_case(name, play):
    """A case that may run beside others: `play()` has a bed of its own. The script ends with main(Rows())."""
    _rows[name] = play

    def wait(rows):
        return rows[name].result()
    wait.__name__ = name
    case(wait, needs_tarn=True)


class Rows:
    """The chosen ones of these cases; they start when the first is asked for. TARN_S3_ROWS: how many at a time."""

    def __init__(self):
        self.futures = None

    def __getitem__(self, name):
        if self.futures is None:
            need_s3()
            self.start({n: play for n, play in _rows.items() if not sys.argv[1:] or n in sys.argv[1:]})
        return self.futures[name]

    def start(self, chosen):
        self.futures = {n: concurrent.futures.Future() for n in chosen}
        waiting = queue.SimpleQueue()
        for pair in chosen.items():
            waiting.put(pair)
        for _ in range(int(os.environ.get("TARN_S3_ROWS", "4"))):
            threading.Thread(target=self.work, args=(waiting,), daemon=True).start()   # None outlives the script.

    def work(self, waiting):
        with contextlib.suppress(queue.Empty):
            while True:
                name, play = waiting.get_nowait()
                try:
                    self.futures[name].set_result(play())
                except BaseException as error:   # The case that waits for it raises it.
                    self.futures[name].set_exception(error)
