"""The parts of AWS that profiles use, in this process: a bucket, the token service (STS) and the portal of single sign-on.

Each key id tells where it comes from: "base>R" is role R asked for with the keys "base". Requests are kept in order as
(service, method, path, key id).
"""

import http.server
import re
import threading
import urllib.parse

LIST = ("<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>")
ENTRY = ("<Contents><Key>{}</Key><Size>{}</Size><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
         "<ETag>&quot;e&quot;</ETag></Contents>")
KEYS = ("<{0}Response><{0}Result><Credentials><AccessKeyId>{1}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>{2}</Expiration></Credentials></{0}Result></{0}Response>")


class FakeAws:
    """`url` is where it listens; `objects` is what the bucket holds."""

    def __init__(self, objects, expires="2100-01-01T00:00:00Z"):
        self.objects, self.expires = objects, expires
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.serve(self, body)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ids(self, service="s3"):
        """The key ids of the requests to a service, each once, in order."""
        return list(dict.fromkeys(r[3] for r in self.requests if r[0] == service))

    def serve(self, request, body):
        url = urllib.parse.urlsplit(request.path)
        signed = re.search(r"Credential=([^/]*)/", request.headers.get("Authorization", ""))
        key_id = signed[1] if signed else ""
        if url.path == "/federation/credentials":
            return self.portal(request, url)
        if request.command == "POST" and b"Action=" in body:
            return self.token_service(request, urllib.parse.parse_qs(body.decode()), key_id)
        self.requests.append(("s3", request.command, url.path, key_id))
        return self.bucket(request, url)

    def portal(self, request, url):
        token = request.headers.get("x-amz-sso_bearer_token", "")
        self.requests.append(("sso", request.command, request.path, token))
        if token != "token":
            return request.answer(401, b'{"message": "Session token not found or invalid"}')
        role = urllib.parse.parse_qs(url.query)["role_name"][0]
        return request.answer(200, ('{"roleCredentials": {"accessKeyId": "sso:%s", "secretAccessKey": "s", '
                                    '"sessionToken": "t", "expiration": 4102444800000}}' % role).encode())

    def token_service(self, request, form, key_id):
        action, role = form["Action"][0], form["RoleArn"][0].rsplit("/", 1)[-1]
        caller = key_id or form.get("WebIdentityToken", [""])[0]
        self.requests.append(("sts", action, role, caller))
        return request.answer(200, KEYS.format(action, f"{caller}&gt;{role}", self.expires).encode())

    def bucket(self, request, url):
        key = urllib.parse.unquote(url.path).split("/", 2)[2:]
        key = key[0] if key else ""
        if request.command in ("GET", "HEAD") and not key:
            query = dict(urllib.parse.parse_qsl(url.query))
            found = [k for k in sorted(self.objects) if k.startswith(query.get("prefix", ""))]
            return request.answer(200, LIST.format("".join(ENTRY.format(k, len(self.objects[k])) for k in found)).encode())
        if request.command == "PUT":
            return request.answer(412)
        if key not in self.objects or request.command not in ("GET", "HEAD"):
            return request.answer(404)
        data, status = self.objects[key], 200
        headers = [("ETag", '"e"'), ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")]
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if wanted:
            first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
            status, whole = 206, len(data)
            data = data[first:last + 1]
            headers.append(("Content-Range", f"bytes {first}-{last}/{whole}"))
        return request.answer(status, data, headers)
