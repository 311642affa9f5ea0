#!/usr/bin/env python3
"""An S3 server in memory whose peculiarities, each one of some real store, are options. One bucket, no signatures.

In a test: `store = QuirkyStore("ignores-range")`; `store.objects["key"] = Stored(b"bytes")`; `store.count("GET", "key")`.
"""

import gzip
import hashlib
import http.server
import re
import threading
import time
import urllib.parse
from email.utils import formatdate
from xml.sax.saxutils import escape, unescape

QUIRKS = {
    "version-1": "listings go on by `marker` alone",
    "tokens-only": "listings go on by continuation tokens alone",
    "empty-pages": "each listing begins with an empty page, which is not the last",
    "no-encoding-type": "encoding-type is refused",
    "times-with-zone": "times of listings are those of a zone",
    "no-times": "listings have no times",
    "other-listed-etags": "listings have other ETags than HEAD and GET",
    "opaque-etags": "ETags are 32 hexadecimal digits and no MD5",
    "no-length": "HEAD of an empty object has no Content-Length",
    "decodes": "objects with Content-Encoding go out decoded unless the request forbids it",
    "ignores-range": "the whole object is the answer to a range",
    "refuses-copies": "copies are answered by 403",
    "archived": "GET is answered by 403 InvalidObjectState",
    "no-list": "listings, and HEAD of absent keys, are answered by 403",
    "hangs": "GET of an object is never answered",
    "closes": "each answer is the last of its connection",
}


class Stored:
    def __init__(self, body, **headers):
        self.body = body
        self.headers = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        self.time = time.time()
        self.etag = hashlib.md5(body).hexdigest()


class QuirkyStore:
    def __init__(self, *quirks, bytes_per_s=None):
        assert set(quirks) <= set(QUIRKS), quirks
        self.quirks, self.bytes_per_s = set(quirks), bytes_per_s
        self.objects, self.uploads, self.requests = {}, {}, []
        self.lock, self.released = threading.RLock(), threading.Event()
        handler = type("Bound", (Exchange,), {"store": self})
        self.server = Listener(("127.0.0.1", 0), handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self, method=None, key=None):
        return sum(1 for m, k, _ in list(self.requests) if method in (None, m) and key in (None, k))

    def keep(self, key, stored):
        with self.lock:
            if "opaque-etags" in self.quirks:
                stored.etag = hashlib.md5(f"{key}{len(self.requests)}".encode()).hexdigest()
            self.objects[key] = stored
        return stored

    def close(self):
        self.released.set()
        self.server.shutdown()


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 256

    def handle_error(self, *_):
        """A client that hangs up is no news."""


class Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version, store = "HTTP/1.1", None

    def log_message(self, *_):
        """The requests are kept by the store."""

    def begin(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.key = urllib.parse.unquote(url.path).lstrip("/").partition("/")[2]
        self.store.requests.append((self.command, self.key, self.query))
        self.body = b""
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            piece = self.rfile.read(min(left, 16384 if self.store.bytes_per_s else 1 << 20))
            if not piece:
                raise ConnectionError("the client hung up")
            self.body, left = self.body + piece, left - len(piece)
            if self.store.bytes_per_s:
                time.sleep(len(piece) / self.store.bytes_per_s)

    def quirk(self, name):
        return name in self.store.quirks

    def reply(self, status, body=b"", headers=(), length=True):
        self.send_response_only(status)
        for name, value in {"Date": formatdate(usegmt=True), **dict(headers)}.items():
            self.send_header(name, value)
        if length:
            self.send_header("Content-Length", str(len(body)))
        if not length or self.quirk("closes"):
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code):
        self.reply(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def breaks_condition(self, found):
        wanted, unwanted = self.headers.get("If-Match"), self.headers.get("If-None-Match")
        broken = (wanted and (not found or found.etag != wanted.strip('"'))) or (unwanted == "*" and found)
        if broken:
            self.refuse(412, "PreconditionFailed")
        return broken

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.begin()
        if "uploads" in self.query:
            return self.reply(200, b"<ListMultipartUploadsResult></ListMultipartUploadsResult>")
        if not self.key:
            return self.list()
        found = self.store.objects.get(self.key)
        if not found:
            return self.refuse(*((403, "AccessDenied") if self.quirk("no-list") else (404, "NoSuchKey")))
        if self.breaks_condition(found):
            return None
        about = {"ETag": f'"{found.etag}"', "Last-Modified": formatdate(found.time, usegmt=True), **found.headers}
        if self.command == "HEAD":
            bare = self.quirk("no-length") and not found.body
            return self.reply(200, found.body, about, length=not bare)
        if self.quirk("archived"):
            return self.refuse(403, "InvalidObjectState")
        if self.quirk("hangs"):
            self.store.released.wait()
            raise ConnectionError("the test is over")
        if self.quirk("decodes") and "content-encoding" in about and "Accept-Encoding" not in self.headers:
            del about["content-encoding"]
            return self.reply(200, gzip.decompress(found.body), about, length=False)
        return self.ranged(found, about)

    def ranged(self, found, about):
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not asked or self.quirk("ignores-range"):
            return self.reply(200, found.body, about)
        first, last = int(asked[1]), min(int(asked[2]), len(found.body) - 1)
        if first > last:
            return self.refuse(416, "InvalidRange")
        about["Content-Range"] = f"bytes {first}-{last}/{len(found.body)}"
        return self.reply(206, found.body[first:last + 1], about)

    def list(self):
        encodes = self.query.get("encoding-type") == "url"
        if self.quirk("no-list"):
            return self.refuse(403, "AccessDenied")
        if encodes and self.quirk("no-encoding-type"):
            return self.refuse(400, "InvalidArgument")
        token = "" if self.quirk("version-1") else urllib.parse.unquote(self.query.get("continuation-token", ""))
        after = self.query.get("marker" if self.quirk("version-1") else "start-after", "")
        if self.quirk("tokens-only"):
            after = ""
        if token:
            after = token[1:]
        most = int(self.query.get("max-keys", 1000))
        if self.quirk("empty-pages") and not token:
            most = 0
        names = self.names(after)
        page, more = names[:most], len(names) > most
        text = urllib.parse.quote if encodes else escape
        last = page[-1] if page else after
        way_on = "" if not more or self.quirk("version-1") else \
            f"<NextContinuationToken>{urllib.parse.quote('.' + last)}</NextContinuationToken>"
        entries = "".join(self.entry(name, text) for name in page)
        return self.reply(200, (f"<ListBucketResult>{'<EncodingType>url</EncodingType>' if encodes else ''}"
                                f"<IsTruncated>{str(more).lower()}</IsTruncated>{way_on}{entries}</ListBucketResult>").encode())

    def names(self, after):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        names = set()
        for key in list(self.store.objects):
            if key.startswith(prefix):
                rest = key[len(prefix):]
                names.add(prefix + rest.split(delimiter)[0] + delimiter if delimiter and delimiter in rest else key)
        return sorted(name for name in names if name > after)

    def entry(self, name, text):
        found = self.store.objects.get(name)
        if not found or (name.endswith("/") and name != self.query.get("prefix")):
            return f"<CommonPrefixes><Prefix>{text(name)}</Prefix></CommonPrefixes>"
        ahead = 7200 if self.quirk("times-with-zone") else 0
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(found.time + ahead)) + ("+02:00" if ahead else ".000Z")
        etag = "f" * 32 if self.quirk("other-listed-etags") else found.etag
        when = "" if self.quirk("no-times") else f"<LastModified>{stamp}</LastModified>"
        return (f"<Contents><Key>{text(name)}</Key>{when}<ETag>&quot;{etag}&quot;</ETag>"
                f"<Size>{len(found.body)}</Size></Contents>")

    def do_PUT(self):
        self.begin()
        if "x-amz-copy-source" in self.headers:
            return self.copy()
        if "partNumber" in self.query:
            self.store.uploads[self.query["uploadId"]][int(self.query["partNumber"])] = self.body
            return self.reply(200, headers={"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'})
        with self.store.lock:
            if self.breaks_condition(self.store.objects.get(self.key)):
                return None
            stored = self.store.keep(self.key, Stored(self.body, **self.metadata()))
        return self.reply(200, headers={"ETag": f'"{stored.etag}"'})

    def metadata(self):
        return {name: value for name, value in self.headers.items()
                if name.lower().startswith(("x-amz-meta-", "content-type", "content-encoding"))}

    def copy(self):
        source = urllib.parse.unquote(self.headers["x-amz-copy-source"]).lstrip("/").partition("/")[2]
        found = self.store.objects.get(source)
        if self.quirk("refuses-copies"):
            return self.refuse(403, "AccessDenied")
        if not found:
            return self.refuse(404, "NoSuchKey")
        stored = self.store.keep(self.key, Stored(found.body, **found.headers))
        return self.reply(200, f"<CopyObjectResult><ETag>{stored.etag}</ETag></CopyObjectResult>".encode())

    def do_POST(self):
        self.begin()
        if "delete" in self.query:
            for key in re.findall(rb"<Key>(.*?)</Key>", self.body, re.S):
                self.store.objects.pop(unescape(key.decode()), None)
            return self.reply(200, b"<DeleteResult></DeleteResult>")
        if "uploads" in self.query:
            name = f"upload-{len(self.store.requests)}"
            self.store.uploads[name] = {}
            return self.reply(200, f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId>"
                                   "</InitiateMultipartUploadResult>".encode())
        parts = self.store.uploads.pop(self.query.get("uploadId", ""), None)
        if parts is None:
            return self.refuse(404, "NoSuchUpload")
        stored = self.store.keep(self.key, Stored(b"".join(parts[number] for number in sorted(parts))))
        return self.reply(200, f"<CompleteMultipartUploadResult><ETag>{stored.etag}</ETag>"
                               "</CompleteMultipartUploadResult>".encode())

    def do_DELETE(self):
        self.begin()
        self.store.objects.pop(self.key, None)
        return self.reply(204)
