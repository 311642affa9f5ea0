"""One request through the fault proxy, with its fault: fault_proxy.py says what each fault is."""

import re
import select
import socket
import threading
import time

import http_wire
from http_wire import Broken, Head, Wire

# Answered by the proxy; the server never sees the request. Fault: status, code, message.
ANSWERS = {
    "error_500": (500, "InternalError", "We encountered an internal error. Please try again."),
    "error_503": (503, "ServiceUnavailable", "Service is unable to handle request."),
    "slow_down": (503, "SlowDown", "Please reduce your request rate."),
    "expired_token": (403, "ExpiredToken", "The provided token has expired."),
    "clock_skew": (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    "access_denied": (403, "AccessDenied", "Access Denied"),
    "redirect": (307, "TemporaryRedirect", "Please re-send this request to the specified temporary endpoint."),
}
AS_WANTED = "as the rule wants"
OTHER_ETAG = "0123456789abcdef0123456789abcdef"


class Upstream:
    """The connection to the server that belongs to one of a client's; made when first needed."""

    def __init__(self, address):
        self.address, self.wire = address, None

    def renew(self):
        """Before a request: a connection that the server closed while it was idle is opened again."""
        if self.wire is not None and (self.wire.buffer or select.select([self.wire.socket], [], [], 0)[0]):
            self.close()

    def get(self):
        if self.wire is None:
            try:
                self.wire = Wire(socket.create_connection(self.address, timeout=30))
                self.wire.socket.settimeout(300)
            except OSError as error:
                raise Broken(f"the server itself: {error}") from None
        return self.wire

    def close(self):
        if self.wire is not None:
            self.wire.close()
            self.wire = None


class Exchange:
    """One request and its answer, with the fault of `rule`, if there is one."""

    def __init__(self, proxy, client, upstream, request, head, rule):
        self.proxy, self.client, self.upstream, self.request, self.head, self.rule = proxy, client, upstream, request, head, rule
        self.fault = request.fault = rule.fault if rule else ""
        self.keep = head.get("Connection", "").lower() != "close"
        self.framing, self.length = http_wire.framing_of(head, is_response=False)

    def run(self):
        if self.fault in ANSWERS:
            return self.answer_error(*ANSWERS[self.fault])
        if self.fault in ("refuse", "reset", "hang"):
            return self.break_off()
        if self.fault == "error_in_200":
            return self.answer_error(200, "InternalError", "We encountered an internal error. Please try again.")
        self.forward_request()
        response = self.read_response()
        if self.fault == "lost_answer":
            raise Broken(AS_WANTED)
        if self.fault == "late_500":
            self.drop_answer(response)
            return self.answer_error(500, "InternalError", "We encountered an internal error. Please try again.")
        if self.fault in ("wrong_etag", "list_cut", "bad_xml"):
            return self.answer_rewritten(response)
        return self.answer(response)

    # Faults before the server is asked

    def break_off(self):
        if self.fault == "refuse":
            self.proxy.refuse()
            if self.rule.get("seconds") is not None:
                threading.Timer(self.rule.get("seconds"), self.proxy.accept_again).start()
        elif self.fault == "hang":
            self.rule.ended.wait(self.rule.get("seconds"))
        raise Broken(AS_WANTED)

    def request_body(self):
        if self.length == 0:
            return
        if self.head.get("Expect", "").lower() == "100-continue":
            self.client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        for piece in http_wire.read_body(self.client, self.framing, self.length):
            self.request.received += len(piece)
            yield piece

    def answer_error(self, status, code, message):
        read_all = self.request.received > 0 or self.length == 0
        if not read_all and not self.rule.get("early"):
            for _ in self.request_body():
                pass
            read_all = True
        status, code = self.rule.get("status", status), self.rule.get("code", code)
        elements, headers = "", []
        if self.fault == "redirect":
            port = self.proxy.listeners["main" if self.rule.get("loop") else "other"].port
            headers.append(["Location", f"http://127.0.0.1:{port}{self.request.target}"])
            elements = f"<Bucket>{self.request.bucket}</Bucket><Endpoint>127.0.0.1:{port}</Endpoint>"
        if self.fault == "clock_skew":
            elements = f"<ServerTime>{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}</ServerTime>"
        if self.rule.get("retry_after") is not None:
            headers.append(["Retry-After", str(self.rule.get("retry_after"))])
        body = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error>'
                f"<Code>{code}</Code><Message>{message}</Message>{elements}<RequestId>proxy-{self.request.number}</RequestId></Error>").encode()
        self.write_answer(Head(f"HTTP/1.1 {status} {code}", headers), body, close=not read_all)
        return self.keep and read_all

    def write_answer(self, head, body, close=False):
        """Sends an answer that the proxy makes itself. An answer to HEAD has no body."""
        head.set("x-amz-request-id", head.get("x-amz-request-id") or f"proxy-{self.request.number}")
        head.set("Date", head.get("Date") or time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
        head.set("Content-Type", head.get("Content-Type") or "application/xml")
        head.set("Transfer-Encoding", None)
        head.set("Content-Length", len(body))
        if close:
            head.set("Connection", "close")
        self.request.status = head.status()
        self.client.write(head.encode() + (b"" if self.request.method == "HEAD" else body))
        self.request.sent = 0 if self.request.method == "HEAD" else len(body)

    # To the server

    def forward_request(self):
        self.upstream.renew()
        wire = self.upstream.get()
        wire.write(self.head.encode())
        position = self.rule.position(self.length) if self.rule else 0
        for piece in self.request_body():
            before = self.request.received - len(piece)
            if self.fault == "reset_upload" and self.request.received >= position:
                http_wire.write_piece(wire, self.framing, piece[:position - before])
                raise Broken(AS_WANTED)
            if self.fault == "flip_upload" and before <= position < self.request.received:
                piece = flipped(piece, position - before)
            if self.fault == "slow_upload":
                self.write_slowly(wire, self.framing, piece)
            else:
                http_wire.write_piece(wire, self.framing, piece)
        http_wire.write_end(wire, self.framing)

    def read_response(self):
        head = None
        while head is None or head.status() < 200:   # 100 Continue was answered here.
            head = http_wire.read_head(self.upstream.get())
            if head is None:
                raise Broken("the server closed the connection")
        self.request.upstream_status = head.status()
        return head

    def response_body(self, head):
        framing, length = http_wire.framing_of(head, True, self.request.method)
        return framing, length, http_wire.read_body(self.upstream.get(), framing, length)

    def drop_answer(self, head):
        for _ in self.response_body(head)[2]:
            pass

    # To the client

    def answer(self, head):
        framing, length, body = self.response_body(head)
        end = None   # Body bytes after which the connection breaks.
        if self.fault in ("reset_body", "truncate") and framing != http_wire.NONE:
            end = self.rule.position(length)
        if self.fault == "wrong_length" and framing == http_wire.LENGTH:
            declared = max(0, length + self.rule.get("by", -10))
            head.set("Content-Length", declared)
            end = declared if declared < length else None
        self.request.status = head.status()
        self.client.write(head.encode())
        ended = self.write_body(framing, length, body, end)
        if self.fault == "wrong_length":
            self.upstream.close()
            return end is not None and self.keep
        if not ended or framing == http_wire.UNTIL_CLOSE:
            return False
        if head.get("Connection", "").lower() == "close":
            self.upstream.close()
            return False
        return self.keep

    def write_body(self, framing, length, body, end):
        """False if the body was cut off at `end`, so that the connection must be closed."""
        flip_at = self.rule.position(length) if self.fault == "flip" else -1
        for piece in body:
            before = self.request.sent
            if end is not None and before + len(piece) >= end:
                http_wire.write_piece(self.client, framing, piece[:end - before])
                self.request.sent = end
                return self.broken_at_end()
            if before <= flip_at < before + len(piece):
                piece = flipped(piece, flip_at - before)
            if self.fault == "slow":
                self.write_slowly(self.client, framing, piece, counts=True)
            else:
                http_wire.write_piece(self.client, framing, piece)
                self.request.sent += len(piece)
        http_wire.write_end(self.client, framing)
        return True

    def broken_at_end(self):
        if self.fault == "wrong_length":   # For HTTP the answer is whole.
            return True
        if self.fault == "reset_body":
            time.sleep(0.05)   # A reset can reach the client before the bytes: it must read some of them first.
            raise Broken(AS_WANTED)
        return False

    def write_slowly(self, wire, framing, piece, counts=False):
        """A byte at a time, or what a tenth of a second allows, until the rule is removed; then the rest at once."""
        rate = self.rule.get("rate", 1)
        step = max(1, int(rate / 10))
        while piece and not self.rule.ended.wait(step / rate):
            http_wire.write_piece(wire, framing, piece[:step])
            self.request.sent += len(piece[:step]) if counts else 0
            piece = piece[step:]
        if piece:
            http_wire.write_piece(wire, framing, piece)
            self.request.sent += len(piece) if counts else 0

    def answer_rewritten(self, head):
        framing, _, pieces = self.response_body(head)
        body = b"".join(pieces)
        if self.fault == "wrong_etag":
            if head.get("ETag") is not None:
                head.set("ETag", f'"{OTHER_ETAG}"')
            body = re.sub(rb"(<ETag>(?:&quot;|\")?)[^<&\"]*", rb"\g<1>" + OTHER_ETAG.encode(), body)
        elif self.fault == "list_cut":
            body = re.sub(rb"<IsTruncated>true</IsTruncated>", b"<IsTruncated>false</IsTruncated>", body)
            body = re.sub(rb"<(NextContinuationToken|NextMarker)>.*?</\1>", b"", body, flags=re.S)
        else:
            body = body[:len(body) // 2]
        if framing == http_wire.NONE:   # An answer to HEAD keeps the length of what it is about.
            self.request.status = head.status()
            self.client.write(head.encode())
        else:
            self.write_answer(head, body)
        return self.keep


def flipped(piece, at):
    return piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1:]
