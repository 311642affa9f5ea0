#!/usr/bin/python3
"""A real S3 server for the tests: Ceph's radosgw over one monitor and one OSD in memory, on loopback alone.

usage: test/s3/radosgw.py start DIR [--tls]      starts it, or finds it running; prints its endpoint and keys as JSON
       test/s3/radosgw.py stop DIR
       test/s3/radosgw.py missing                names the packages that are not installed; status 1 if there are any

All its files are in DIR: configuration, logs (DIR/log), pid files, and server.json, which says what start printed.
Ports are picked among the free ones. Two users with all rights: `first`, and `second` in the tenant `other`, whose
buckets are different ones even under the same names. Path style works at once, virtual-host style as
http://BUCKET.s3.localhost:PORT (libcurl takes names below localhost for loopback by itself; the C library does not).

Objects are in memory, up to MEMORY_GIB in all, and gone after stop.
"""

import argparse
import contextlib
import dataclasses
import fcntl
import glob
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

PACKAGES = {"ceph-mon": "ceph-mon", "ceph-osd": "ceph-osd", "radosgw": "radosgw", "radosgw-admin": "radosgw",
            "monmaptool": "ceph-common", "ceph-authtool": "ceph-common", "ceph": "ceph-common"}
DOMAIN = "s3.localhost"
LOOPBACK = "127.0.0.1,localhost,.localhost"
MEMORY_GIB = 12
READY_S = 300   # The limit of each step of the start: a safety net on a busy machine.
KEYS = {"first": ("firstaccess", "firstsecret0123456789"), "second": ("secondaccess", "secondsecret0123456789")}

# Proposals of the monitor are not gathered (its default waits a second for each), so that pools and maps are made
# quickly. One bucket index shard: what a listing costs does not depend on how a name hashes. `chooseleaf` over OSDs,
# since there is one host. Requests may carry customer keys (SSE-C) without TLS.
CONFIGURATION = """
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
osd_objectstore = memstore
memstore_device_bytes = {memory_bytes}
osd_class_dir = {class_directory}
osd_class_load_list = *
osd_class_default_list = *
run_dir = {directory}/run
log_file = {directory}/log/$name.log
admin_socket = {directory}/run/$name.asok
pid_file = {directory}/run/$name.pid
keyring = {directory}/keyring
[mon.a]
mon_data = {directory}/mon
[osd.0]
osd_data = {directory}/osd
[client.rgw]
rgw_data = {directory}
rgw_frontends = {frontends}
rgw_dns_name = {domain}
rgw_override_bucket_index_max_shards = 1
rgw_dynamic_resharding = false
rgw_crypt_require_ssl = false
rgw_crypt_s3_kms_backend = testing
rgw_crypt_s3_kms_encryption_keys = testkey-1=YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo=
rgw_s3_auth_use_sts = true
rgw_sts_key = abcdefghijklmnop
rgw_gc_obj_min_wait = 5
rgw_gc_processor_period = 10
rgw_gc_processor_max_time = 10
"""


class NotAvailable(Exception):
    """radosgw cannot run here; the text says why."""


@dataclasses.dataclass
class Server:
    """A running server. `keys` maps a user to (access key, secret key)."""
    directory: str
    endpoint: str            # http://127.0.0.1:PORT
    tls_endpoint: str        # https://127.0.0.1:PORT, or empty
    ca_bundle: str           # The certificate that signs itself, or empty.
    keys: dict
    pids: dict

    def address(self):
        """(host, port) of the plain endpoint."""
        host, port = self.endpoint.split("://")[1].split(":")
        return host, int(port)

    def environment(self, user="first"):
        """What AWS CLI, boto3 and Tarn find their keys in."""
        access, secret = self.keys[user]
        return {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PAGER": "", "AWS_CA_BUNDLE": "",
                "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}


def missing():
    """Packages that have to be installed for start()."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted({package for tool, package in PACKAGES.items() if not shutil.which(tool, path=path)})


def answers(endpoint):
    """Whether an HTTP server with radosgw's answer to an unsigned request is there."""
    try:
        urllib.request.urlopen(endpoint, timeout=5).close()
        return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def running(pid):
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, PermissionError):
        return False


def read_server(directory):
    """The server that start() left running in `directory`, or None."""
    try:
        with open(os.path.join(directory, "server.json"), encoding="utf-8") as f:
            server = Server(**json.load(f))
    except (OSError, ValueError, TypeError):
        return None
    return server if all(map(running, server.pids.values())) and answers(server.endpoint) else None


def free_ports(count):
    """Ports free at this moment, below those that the kernel gives to connections: nothing takes them before the server."""
    sockets = []
    for port in random.SystemRandom().sample(range(15000, 32000), 2000):
        s = socket.socket()
        with contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            sockets.append(s)
        if len(sockets) == count:
            break
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def class_directory():
    """Where the OSD finds its classes; what some distributions have built in is relative to the working directory."""
    found = glob.glob("/usr/lib/*/rados-classes") + glob.glob("/usr/lib*/rados-classes")
    if not found:
        raise NotAvailable("there is no directory /usr/lib/*/rados-classes")
    return found[0]


class Starter:
    """One attempt to start a server in an empty directory."""

    def __init__(self, directory, tls):
        self.directory, self.tls = directory, tls
        self.log = open(os.path.join(directory, "start.log"), "a", encoding="utf-8")
        self.environment = dict(os.environ, CEPH_CONF=os.path.join(directory, "ceph.conf"),
                                PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        self.environment.pop("CEPH_ARGS", None)

    def call(self, *command):
        """Runs one of Ceph's programs; its output goes to start.log."""
        self.log.write(f"{time.strftime('%H:%M:%S')} {' '.join(command)}\n")
        self.log.flush()
        try:
            done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log,
                                  stderr=subprocess.STDOUT, timeout=READY_S)
        except subprocess.TimeoutExpired:
            raise NotAvailable(f"`{' '.join(command)}` did not end within {READY_S} s; see {self.directory}/log") from None
        if done.returncode:
            raise NotAvailable(f"`{' '.join(command)}` exited with {done.returncode}; see {self.log.name}")

    def certificate(self):
        files = [os.path.join(self.directory, name) for name in ("key.pem", "certificate.pem")]
        self.call("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                  "-keyout", files[0], "-out", files[1], "-subj", "/CN=localhost", "-addext",
                  f"subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:{DOMAIN},DNS:*.{DOMAIN}")
        return files

    def configure(self):
        plain, tls, mon_v2, mon_v1 = free_ports(4)
        frontends, tls_endpoint, ca_bundle = f"beast endpoint=127.0.0.1:{plain}", "", ""
        if self.tls:
            key, ca_bundle = self.certificate()
            frontends += f" ssl_endpoint=127.0.0.1:{tls} ssl_certificate={ca_bundle} ssl_private_key={key}"
            tls_endpoint = f"https://127.0.0.1:{tls}"
        fsid = str(uuid.uuid4())
        with open(os.path.join(self.directory, "ceph.conf"), "w", encoding="utf-8") as f:
            f.write(CONFIGURATION.format(fsid=fsid, mon_v1=mon_v1, mon_v2=mon_v2, directory=self.directory,
                                         frontends=frontends, domain=DOMAIN, memory_bytes=MEMORY_GIB << 30,
                                         class_directory=class_directory()))
        self.call("monmaptool", "--create", "--clobber", "--addv", "a", f"[v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]",
                  "--fsid", fsid, os.path.join(self.directory, "monmap"))
        return f"http://127.0.0.1:{plain}", tls_endpoint, ca_bundle

    def keyring(self):
        return os.path.join(self.directory, "keyring")

    def make_keys(self):
        """Ceph's own keys, one file for all: radosgw insists on them even where the others would do without."""
        self.call("ceph-authtool", "--create-keyring", self.keyring(), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name, parts in (("client.admin", ("mon", "osd", "mgr")), ("client.rgw", ("mon", "osd")), ("osd.0", ("mon", "osd"))):
            self.call("ceph-authtool", self.keyring(), "--gen-key", "-n", name,
                      *(word for part in parts for word in ("--cap", part, "allow *")))

    def start_daemons(self):
        osd = str(uuid.uuid4())
        conf = ("-c", os.path.join(self.directory, "ceph.conf"))
        self.call("ceph-mon", *conf, "-i", "a", "--mkfs", "--monmap", os.path.join(self.directory, "monmap"), "--keyring",
                  self.keyring())
        self.call("ceph-mon", *conf, "-i", "a")
        self.call("ceph", *conf, "auth", "import", "-i", self.keyring())
        self.call("ceph", *conf, "osd", "new", osd)
        self.call("ceph-osd", *conf, "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.call("ceph-osd", *conf, "-i", "0")
        self.call("ceph", *conf, "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost")
        self.call("radosgw", *conf, "-n", "client.rgw")

    def await_answer(self, endpoint):
        end = time.monotonic() + READY_S
        while not answers(endpoint):
            if time.monotonic() > end:
                raise NotAvailable(f"radosgw does not answer at {endpoint} after {READY_S} s; see {self.directory}/log")
            time.sleep(0.05)

    def create_users(self):
        for user, tenant in (("first", ()), ("second", ("--tenant=other",))):
            access, secret = KEYS[user]
            self.call("radosgw-admin", "-c", os.path.join(self.directory, "ceph.conf"), "user", "create", f"--uid={user}",
                      *tenant, f"--display-name={user}", f"--access-key={access}", f"--secret-key={secret}",
                      "--max-buckets=100000", "--caps=user-policy=*")

    def run(self):
        endpoint, tls_endpoint, ca_bundle = self.configure()
        self.make_keys()
        self.start_daemons()
        self.await_answer(endpoint)
        self.create_users()
        self.log.close()
        return Server(self.directory, endpoint, tls_endpoint, ca_bundle, KEYS, pids_of(self.directory))


def pids_of(directory):
    """Pids that the daemons wrote into their pid files; in the order in which to stop them."""
    pids = {}
    for name in ("client.rgw", "osd.0", "mon.a"):
        try:
            with open(os.path.join(directory, "run", f"{name}.pid"), encoding="ascii") as f:
                pids[name] = int(f.read())
        except (OSError, ValueError):
            pass
    return pids


def is_ours(pid, directory):
    """Pids are reused: only a process whose command line names the directory is stopped."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return os.fsencode(directory) + b"/ceph.conf" in f.read().split(b"\0")
    except OSError:
        return False


def stop(directory):
    """Stops what runs in `directory`; nothing if nothing does. The objects are gone."""
    directory = os.path.realpath(directory)
    for pid in pids_of(directory).values():
        if not is_ours(pid, directory):
            continue
        # Nothing has to be saved: SIGKILL after a moment is as good as waiting for a flush of the memory store.
        for number, patience_s in ((signal.SIGTERM, 0.3), (signal.SIGKILL, 5)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break
            end = time.monotonic() + patience_s
            while running(pid) and time.monotonic() < end:
                time.sleep(0.02)
            if not running(pid):
                break
    for name in ("server.json", "keyring", "mon", "osd", "run"):
        path = os.path.join(directory, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.unlink(path)


def start(directory, tls=False):
    """A server in `directory`: the one that runs there already, or a new one. NotAvailable if that cannot be."""
    if missing():
        raise NotAvailable(f"not installed: {', '.join(missing())} (scripts/setup --tests installs them where the "
                           "distribution has them)")
    os.makedirs(directory, exist_ok=True)
    directory = os.path.realpath(directory)
    with open(os.path.join(directory, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = read_server(directory)
        if server and bool(server.tls_endpoint) >= tls:
            return server
        stop(directory)
        for folder in ("mon", "osd", "run", "log"):
            os.makedirs(os.path.join(directory, folder), exist_ok=True)
        try:
            server = Starter(directory, tls).run()
        except BaseException:
            stop(directory)
            raise
        with open(os.path.join(directory, "server.json"), "w", encoding="utf-8") as f:
            json.dump(dataclasses.asdict(server), f, indent=1)
        return server


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("start")
    one.add_argument("directory")
    one.add_argument("--tls", action="store_true", help="also an https endpoint, with a certificate of its own")
    commands.add_parser("stop").add_argument("directory")
    commands.add_parser("missing")
    options = parser.parse_args()
    if options.command == "missing":
        print("\n".join(missing()))
        return 1 if missing() else 0
    if options.command == "stop":
        stop(options.directory)
        return 0
    try:
        print(json.dumps(dataclasses.asdict(start(options.directory, options.tls)), indent=1))
        return 0
    except NotAvailable as why:
        print(f"radosgw.py: cannot start a server in {options.directory}: {why}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
