#!/usr/bin/python3
"""Buckets for the tests: with awkward names, and with very many.

usage: test/s3/fill.py DIR BUCKET awkward           keys that are hard to escape, or cannot be names of files
       test/s3/fill.py DIR BUCKET many COUNT        COUNT empty objects through S3, about a thousand a second
       test/s3/fill.py DIR BUCKET index COUNT [PER] COUNT keys in seconds, put into the bucket's index behind
                                                    radosgw's back: listed like any other, but without objects (GET and
                                                    HEAD say 404); PER of them in a directory (default 100000)

DIR is that of a server of radosgw.py; the bucket is made if it is not there.
"""

import concurrent.futures
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import radosgw  # noqa: E402

BATCH = 5000   # Index entries in one write.

NFC, NFD = "caf\u00e9", "cafe\u0301"
LONG = "/".join(f"{i}" * 254 for i in range(4)) + "/1234"   # 1,024 bytes, the longest key there is.
DEEP = "/".join("d" * 60) + "/f"

# Keys that are paths of files as they stand.
FILES = ["a b", " leading and trailing ", "a+b", "a%2Fb", "a%2fb", "100%", "%", "%41", "a&b=c;d", "q?x=1#frag", "it's", 'say "so"',
         "back\\slash", "*?[a-z]{x}", "~tilde", "$HOME", "`x`", "!bang", "(paren)", "<tag>&amp;", "@:,=", "-rf", ".hidden", "...",
         "..dots", "dots..", "new\nline", "tab\there", "control\x01\x1f\x7f", f"nfc/{NFC}", f"nfd/{NFD}", "日本語/ファイル", "emoji \U0001f600",
         "x" * 255, "dir/sub/deep", LONG, DEEP, "dir with spaces/and + plus/100% %2F"]
# Keys of which no file can have the name, and why. Each stands beside names that must still be listed.
NOT_FILES = {"a//b": "an empty name", "/leading": "an empty name", "two//": "an empty name", "..": "leads out", "../up": "leads out",
             "sub/../e": "leads elsewhere", ".": "the directory itself", "./x": "the directory itself", "sub/./e": "the directory itself",
             "y" * 256: "a name of more than 255 bytes", "z" * 1024: "a name of more than 255 bytes",
             f"long/{'w' * 300}/f": "a name of more than 255 bytes", "clash": "also a directory: clash/inside"}
# Keys that stand for directories, and what else is below them.
DIRECTORIES = {"marker/": [], "filled/": ["filled/f"], "clash/": []}
BESIDES = ["clash/inside", "filled/f", "sub/f", "long/f", "plain"]


def content_of(key):
    """The bytes of an awkward object: they tell which it is."""
    return b"" if key.endswith("/") else b"content of " + key.encode() + b"\n"


def awkward_keys():
    return list(dict.fromkeys([*FILES, *NOT_FILES, *DIRECTORIES, *BESIDES]))


class Put:
    """PUTs over one connection, signed here: keys go out byte by byte as they are, and quickly."""

    def __init__(self, server, user="first"):
        self.access, self.secret = server.keys[user]
        self.host = "%s:%d" % server.address()
        self.connection = http.client.HTTPConnection(*server.address(), timeout=60)
        self.day, self.day_key = "", b""

    def key_of(self, day):
        if day != self.day:
            key = ("AWS4" + self.secret).encode()
            for part in (day, "us-east-1", "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self.day, self.day_key = day, key
        return self.day_key

    def __call__(self, bucket, key, data=b"", method="PUT"):
        path = f"/{bucket}" + ("/" + urllib.parse.quote(key, safe="/~") if key else "")
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        canonical = (f"{method}\n{path}\n\nhost:{self.host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{now}\n\n"
                     "host;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD")
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self.key_of(now[:8]), text.encode(), hashlib.sha256).hexdigest()
        self.connection.request(method, path, body=data, headers={
            "x-amz-date": now, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "Authorization":
            f"AWS4-HMAC-SHA256 Credential={self.access}/{scope},SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature={signature}"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 204):
            raise RuntimeError(f"{method} {path}: {answer.status} {body.decode(errors='replace')[:300]}")


def _put_all(server, bucket, items):
    put = Put(server)
    for key, data in items:
        put(bucket, key, data)
    return len(items)


def put_many(server, bucket, items, processes=4):
    """PUTs (key, bytes) pairs through S3, in several processes."""
    items = list(items)
    size = max(1, min(1000, len(items) // processes + 1))
    with concurrent.futures.ProcessPoolExecutor(processes) as pool:
        parts = [items[i:i + size] for i in range(0, len(items), size)]
        done = sum(pool.map(_put_all, [server] * len(parts), [bucket] * len(parts), parts))
    assert done == len(items)


def fill_awkward(server, bucket, prefix=""):
    """All awkward keys, each with content_of() its key. Below a prefix, keys that would grow too long are left out."""
    put = Put(server)
    keys = [key for key in awkward_keys() if len((prefix + key).encode()) <= 1024]
    for key in keys:
        put(bucket, prefix + key, content_of(key))
    return keys


class Index:
    """A bucket's index in Ceph itself. Entries are copies of a real object's, with another name of the same length."""

    def __init__(self, server, bucket):
        try:
            import rados
        except ImportError:
            raise radosgw.NotAvailable(f"python3-rados is not installed for {sys.executable}") from None
        self.rados, self.server, self.bucket = rados, server, bucket
        self.cluster = rados.Rados(conffile=os.path.join(server.directory, "ceph.conf"), name="client.admin")
        self.cluster.connect()
        self.index = self.cluster.open_ioctx("default.rgw.buckets.index")

    def close(self):
        self.index.close()
        self.cluster.shutdown()

    def _shard(self):
        """The bucket's one index object (radosgw.py sees to it that there is one)."""
        told = subprocess.run(["radosgw-admin", "-c", os.path.join(self.server.directory, "ceph.conf"), "bucket", "stats",
                               f"--bucket={self.bucket}"], capture_output=True, check=True, text=True)
        name = ".dir." + json.loads(told.stdout)["id"]
        return next(o.key for o in self.index.list_objects() if o.key == name or o.key.startswith(name + "."))

    def _entry(self, shard, key):
        with self.rados.ReadOpCtx() as operation:
            pairs, _ = self.index.get_omap_vals_by_keys(operation, (key,))
            self.index.operate_read_op(operation, shard)
            return dict(pairs)[key]

    def add(self, keys):
        """Entries for keys, which must all have the same length in bytes."""
        template = ("template-" + "0" * 1024)[:len(keys[0].encode())]
        Put(self.server)(self.bucket, template)
        shard = self._shard()
        entry = self._entry(shard, template)
        for i in range(0, len(keys), BATCH):
            batch = tuple(keys[i:i + BATCH])
            values = tuple(entry.replace(template.encode(), key.encode()) for key in batch)
            with self.rados.WriteOpCtx() as operation:
                self.index.set_omap(operation, batch, values)
                self.index.operate_write_op(operation, shard)
        Put(self.server)(self.bucket, template, method="DELETE")

    def clear(self):
        """Takes all entries out again, which through S3 would take an hour."""
        with self.rados.WriteOpCtx() as operation:
            self.index.clear_omap(operation)
            self.index.operate_write_op(operation, self._shard())


def many_keys(count, per_directory):
    """`count` keys of one length; so many in each directory."""
    return [f"d{i // per_directory:06}/f{i:07}" for i in range(count)]


def fill_index(server, bucket, count, per_directory=100_000):
    index = Index(server, bucket)
    with contextlib.closing(index):
        index.add(many_keys(count, per_directory))


def clear_index(server, bucket):
    index = Index(server, bucket)
    with contextlib.closing(index):
        index.clear()


def main():
    if len(sys.argv) < 4 or sys.argv[3] not in ("awkward", "many", "index"):
        print(__doc__, file=sys.stderr)
        return 2
    directory, bucket, what, *numbers = sys.argv[1:]
    server = radosgw.start(directory)
    with contextlib.suppress(RuntimeError):   # It is there.
        Put(server)(bucket, "")
    start = time.monotonic()
    if what == "awkward":
        made = len(fill_awkward(server, bucket))
    elif what == "many":
        made = int(numbers[0])
        put_many(server, bucket, ((key, b"") for key in many_keys(made, 1000)))
    else:
        made = int(numbers[0])
        fill_index(server, bucket, made, *map(int, numbers[1:]))
    print(f"{made} keys in {time.monotonic() - start:.1f} s in s3://{bucket} at {server.endpoint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
