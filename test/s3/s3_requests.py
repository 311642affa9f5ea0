"""What an S3 request asks for, from its line and headers alone."""

import dataclasses
import re
import time
import urllib.parse


@dataclasses.dataclass
class Request:
    """One request as the proxy saw it; what is known only later is filled in when it ends."""
    number: int
    connection: int
    listener: str         # "main", or "other" for the one that redirects point to.
    method: str
    target: str           # With the escapes of the wire.
    op: str               # See operation_of.
    bucket: str
    key: str              # Unescaped.
    query: dict           # Unescaped; the first value of each name.
    range: str            # The Range header, or empty.
    headers: dict         # In lower case.
    began: float          # time.monotonic()
    status: int = 0       # 0: none was sent.
    upstream_status: int = 0   # What the server answered; 0 if it was not asked.
    received: int = 0     # Body bytes from the client.
    sent: int = 0         # Body bytes to the client.
    fault: str = ""
    note: str = ""        # Why the connection ended with it, if it did.
    seconds: float = -1.0      # Until it ended; negative while it runs.

    def line(self):
        """The request in one line of a log."""
        parts = [f"{self.number}", self.op, self.method, self.target, self.range, str(self.status or "-"),
                 f"{self.received} in, {self.sent} out", f"fault {self.fault}" if self.fault else "",
                 self.note]
        return " ".join(part for part in parts if part)


SUBRESOURCES = ("acl", "tagging", "attributes", "retention", "legal-hold", "torrent", "versions", "versioning", "policy",
                "lifecycle", "cors", "location", "logging", "encryption", "object-lock", "website", "notification")


def operation_of(method, bucket, key, query, headers):
    """GET, HEAD, PUT, DELETE (of an object), LIST, MULTI_START, PART, COMPLETE, ABORT, COPY, PART_COPY, DELETE_MANY,
    LIST_UPLOADS, LIST_PARTS; METHOD_BUCKET for a bucket, METHOD_SERVICE, METHOD_SUBRESOURCE for the rest."""
    special = next((name for name in SUBRESOURCES if name in query), None)
    if special:
        return f"{method}_{special.upper()}"
    if not bucket:
        return f"{method}_SERVICE"
    if not key:
        return _bucket_operation(method, query)
    if "uploadId" in query:
        copies = "x-amz-copy-source" in headers
        return {"GET": "LIST_PARTS", "PUT": "PART_COPY" if copies else "PART", "POST": "COMPLETE", "DELETE": "ABORT"}.get(method, method)
    if method == "POST" and "uploads" in query:
        return "MULTI_START"
    return "COPY" if method == "PUT" and "x-amz-copy-source" in headers else method


def _bucket_operation(method, query):
    if method == "GET":
        return "LIST_UPLOADS" if "uploads" in query else "LIST"
    return "DELETE_MANY" if method == "POST" and "delete" in query else f"{method}_BUCKET"


def parse(number, connection, listener, head, domain):
    """A Request from its head; `domain` is what virtual-host style buckets stand before."""
    method, target, _ = (head.line.split(" ") + ["", ""])[:3]
    path, _, query_text = target.partition("?")
    query = {}
    for name, value in urllib.parse.parse_qsl(query_text, keep_blank_values=True):
        query.setdefault(name, value)
    host = re.sub(r":\d+$", "", head.get("Host", ""))
    path = urllib.parse.unquote(path.lstrip("/") if not path.startswith("/") else path[1:], errors="surrogateescape")
    if domain and host.endswith("." + domain):
        bucket, key = host[:-len(domain) - 1], path
    else:
        bucket, _, key = path.partition("/")
    headers = {name.lower(): value for name, value in head.headers}
    return Request(number, connection, listener, method, target, operation_of(method, bucket, key, query, headers), bucket,
                   key, query, headers.get("range", ""), headers, time.monotonic())
