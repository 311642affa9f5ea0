#!/usr/bin/env python3
"""An S3 server in memory whose peculiarities, each one of some real store, are options. One bucket, no signatures.

In a test: `store = QuirkyStore("ignores-range")`; `store.objects["key"] = Stored(b"bytes")`; `store.count("GET", "key")`.
"""

import calendar
import gzip
import hashlib
import http.server
import os
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
    "restless-etags": "each listing has another ETag of an object",
    "opaque-etags": "ETags are 32 hexadecimal digits and no MD5",
    "no-length": "HEAD of an empty object has no Content-Length",
    "decodes": "objects with Content-Encoding go out decoded unless the request forbids it",
    "decodes-whole": "objects with Content-Encoding go out decoded and whole unless the request takes gzip",
    "ignores-range": "the whole object is the answer to a range",
    "refuses-copies": "copies are answered by 403",
    "archived": "GET and copies are answered by 403 InvalidObjectState",
    "no-list": "listings, and HEAD of absent keys, are answered by 403",
    "hangs": "GET of an object is never answered",
    "marker-pages": "each listing begins with a page that has the directory's own marker only",
    "unsorted": "the entries of a page are in no order",
    "duplicate-keys": "each entry of a listing is there twice",
    "no-delimiter": "listings know no delimiter: they have no common prefixes",
    "no-token": "listings are truncated without a token or a marker",
    "few-keys": "a page has 7 keys at most, whatever max-keys says",
    "chunked": "answers come in chunks, without Content-Length",
    "http-1.0": "answers are of HTTP/1.0, and the connection ends with each",
    "closes": "each answer is the last of its connection",
    "drops": "connections are closed after each answer, which does not say so",
    "continues": "each answer begins with 100 Continue",
    "weak-etags": "ETags are weak",
    "bare-etags": "ETags have no quotes",
    "ignores-conditions": "If-Match and If-None-Match of a PUT mean nothing",
    "refuses-conditions": "If-Match and If-None-Match of a PUT are answered by 501",
    "error-in-200": "copies fail in an answer of 200",
    "no-batch-delete": "deletions of many keys are answered by 501",
    "delete-404": "deletions of absent keys are answered by 404",
    "no-head": "HEAD is answered by 405",
    "other-range": "GET gives another range than was asked for",
    "refuses-md5": "requests with Content-MD5 are answered by 501",
    "no-multipart": "uploads of parts are answered by 501",
    "clock-ahead": "the store's clock is an hour ahead, and requests of another time are refused",
    "other-region": "the bucket is in another region, which a refusal names",
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
        self.lock, self.released, self.readers = threading.RLock(), threading.Event(), 0
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

    def handle_one_request(self):
        super().handle_one_request()
        if self.quirk("drops") or self.quirk("http-1.0"):
            self.close_connection = True

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

    def refused(self):
        """What a store says to a request of another time or region; None: nothing."""
        if self.quirk("clock-ahead"):
            stamp = time.strptime(self.headers.get("x-amz-date", "19700101T000000Z"), "%Y%m%dT%H%M%SZ")
            if abs(time.time() + 3600 - calendar.timegm(stamp)) > 900:
                return 403, "RequestTimeTooSkewed", ""
        if self.quirk("other-region") and "/eu-other-1/" not in self.headers.get("Authorization", ""):
            return 400, "AuthorizationHeaderMalformed", "<Region>eu-other-1</Region>"
        if self.quirk("no-head") and self.command == "HEAD":
            return 405, "MethodNotAllowed", ""
        if self.quirk("refuses-md5") and "Content-MD5" in self.headers and "delete" not in self.query:
            return 501, "NotImplemented", ""
        return None

    def etag(self, etag):
        return etag if self.quirk("bare-etags") else f'W/"{etag}"' if self.quirk("weak-etags") else f'"{etag}"'

    def reply(self, status, body=b"", headers=(), length=True):
        self.protocol_version = "HTTP/1.0" if self.quirk("http-1.0") else "HTTP/1.1"
        if self.quirk("continues"):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.send_response_only(status)
        now = time.time() + (3600 if self.quirk("clock-ahead") else 0)
        for name, value in {"Date": formatdate(now, usegmt=True), **dict(headers)}.items():
            self.send_header(name, value)
        chunked = self.quirk("chunked") and self.command != "HEAD" and status != 204
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece)
                            for piece in (body[at:at + 5000] for at in range(0, len(body), 5000))) + b"0\r\n\r\n"
        elif length:
            self.send_header("Content-Length", str(len(body)))
        if not length or self.quirk("closes"):
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, more=""):
        self.reply(status, f"<Error><Code>{code}</Code><Message>{code}</Message>{more}</Error>".encode())

    def breaks_condition(self, found):
        wanted, unwanted = self.headers.get("If-Match"), self.headers.get("If-None-Match")
        if self.command == "PUT" and (wanted or unwanted):
            if self.quirk("ignores-conditions"):
                return False
            if self.quirk("refuses-conditions"):
                self.refuse(501, "NotImplemented")
                return True
        broken = (wanted and (not found or found.etag != wanted.strip('"'))) or (unwanted == "*" and found)
        if broken:
            self.refuse(412, "PreconditionFailed")
        return broken

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.begin()
        if no := self.refused():
            return self.refuse(*no)
        if "uploads" in self.query:
            return self.reply(200, b"<ListMultipartUploadsResult></ListMultipartUploadsResult>")
        if not self.key:
            return self.list()
        found = self.store.objects.get(self.key)
        if not found:
            return self.refuse(*((403, "AccessDenied") if self.quirk("no-list") else (404, "NoSuchKey")))
        if self.breaks_condition(found):
            return None
        about = {"ETag": self.etag(found.etag), "Last-Modified": formatdate(found.time, usegmt=True), **found.headers}
        if self.command == "HEAD":
            bare = self.quirk("no-length") and not found.body
            return self.reply(200, found.body, about, length=not bare)
        if self.quirk("archived"):
            return self.refuse(403, "InvalidObjectState")
        if self.quirk("hangs"):
            with self.store.lock:
                self.store.readers += 1
            self.store.released.wait()
            raise ConnectionError("the test is over")
        if self.quirk("decodes") and "content-encoding" in about and "Accept-Encoding" not in self.headers:
            del about["content-encoding"]
            return self.reply(200, gzip.decompress(found.body), about, length=False)
        if self.quirk("decodes-whole") and "content-encoding" in about and "gzip" not in self.headers.get("Accept-Encoding", ""):
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
        if self.quirk("other-range") and first > 0:
            first -= 1
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
        most = min(int(self.query.get("max-keys", 1000)), 7 if self.quirk("few-keys") else 1000)
        if self.quirk("empty-pages") and not token:
            most = 0
        names = self.names(after)
        if self.quirk("marker-pages") and names and names[0] == self.query.get("prefix"):
            most = 1
        page, more = names[:most], len(names) > most
        text = urllib.parse.quote if encodes else escape
        last = page[-1] if page else after
        way_on = "" if not more or self.quirk("version-1") or self.quirk("no-token") else \
            f"<NextContinuationToken>{urllib.parse.quote('.' + last)}</NextContinuationToken>"
        if self.quirk("unsorted"):
            page = page[1::2] + page[::2]
        if self.quirk("duplicate-keys"):
            page = [name for name in page for _ in range(2)]
        entries = "".join(self.entry(name, text) for name in page)
        return self.reply(200, (f"<ListBucketResult>{'<EncodingType>url</EncodingType>' if encodes else ''}"
                                f"<IsTruncated>{str(more).lower()}</IsTruncated>{way_on}{entries}</ListBucketResult>").encode())

    def names(self, after):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        if self.quirk("no-delimiter"):
            delimiter = ""
        names = set()
        for key in list(self.store.objects):
            if key.startswith(prefix):
                rest = key[len(prefix):]
                names.add(prefix + rest.split(delimiter)[0] + delimiter if delimiter and delimiter in rest else key)
        return sorted(name for name in names if name > after)

    def entry(self, name, text):
        found = self.store.objects.get(name)
        plain = self.quirk("no-delimiter") or name == self.query.get("prefix")
        if not found or (name.endswith("/") and not plain):
            return f"<CommonPrefixes><Prefix>{text(name)}</Prefix></CommonPrefixes>"
        ahead = 7200 if self.quirk("times-with-zone") else 0
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(found.time + ahead)) + ("+02:00" if ahead else ".000Z")
        etag = "f" * 32 if self.quirk("other-listed-etags") else found.etag
        etag = os.urandom(16).hex() if self.quirk("restless-etags") else etag
        when = "" if self.quirk("no-times") else f"<LastModified>{stamp}</LastModified>"
        return (f"<Contents><Key>{text(name)}</Key>{when}<ETag>&quot;{etag}&quot;</ETag>"
                f"<Size>{len(found.body)}</Size></Contents>")

    def do_PUT(self):
        self.begin()
        if no := self.refused():
            return self.refuse(*no)
        if "x-amz-copy-source" in self.headers:
            return self.copy()
        if "partNumber" in self.query:
            self.store.uploads[self.query["uploadId"]][int(self.query["partNumber"])] = self.body
            return self.reply(200, headers={"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'})
        with self.store.lock:
            if self.breaks_condition(self.store.objects.get(self.key)):
                return None
            stored = self.store.keep(self.key, Stored(self.body, **self.metadata()))
        return self.reply(200, headers={"ETag": self.etag(stored.etag)})

    def metadata(self):
        return {name: value for name, value in self.headers.items()
                if name.lower().startswith(("x-amz-meta-", "content-type", "content-encoding"))}

    def copy(self):
        source = urllib.parse.unquote(self.headers["x-amz-copy-source"]).lstrip("/").partition("/")[2]
        found = self.store.objects.get(source)
        if self.quirk("refuses-copies"):
            return self.refuse(403, "AccessDenied")
        if self.quirk("error-in-200"):
            return self.refuse(200, "NotImplemented")
        if self.quirk("archived"):
            return self.refuse(403, "InvalidObjectState")
        if not found:
            return self.refuse(404, "NoSuchKey")
        replaced = self.headers.get("x-amz-metadata-directive") == "REPLACE"
        stored = self.store.keep(self.key, Stored(found.body, **(self.metadata() if replaced else found.headers)))
        return self.reply(200, f"<CopyObjectResult><ETag>{stored.etag}</ETag></CopyObjectResult>".encode())

    def do_POST(self):
        self.begin()
        if no := self.refused():
            return self.refuse(*no)
        if "delete" in self.query and self.quirk("no-batch-delete"):
            return self.refuse(501, "NotImplemented")
        if "delete" in self.query:
            for key in re.findall(rb"<Key>(.*?)</Key>", self.body, re.S):
                self.store.objects.pop(unescape(key.decode()), None)
            return self.reply(200, b"<DeleteResult></DeleteResult>")
        if "uploads" in self.query and self.quirk("no-multipart"):
            return self.refuse(501, "NotImplemented")
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
        if no := self.refused():
            return self.refuse(*no)
        gone = self.store.objects.pop(self.key, None)
        if gone is None and self.quirk("delete-404"):
            return self.refuse(404, "NoSuchKey")
        return self.reply(204)
