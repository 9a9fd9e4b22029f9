"""An S3 for tests: moto with its authentication switched on, and before it a front which checks what moto does not (digests,
times, signed URLs), and fails on demand. Both in this process, on free ports of the loopback.

The front fails by the key's first part: s3://media/once-503/... is a place whose every request gets 503 the first time it comes.
See Front.fault for all of them. A test may also set front.plan, a function of the request."""
import base64
import collections
import contextlib
import copy
import datetime
import functools
import hashlib
import http.client
import http.server
import logging
import random
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

try:
    import boto3
    from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from moto.server import ThreadedMotoServer
    import moto.settings
except ImportError:
    ThreadedMotoServer = None

BUCKET, REGION = "media", "eu-central-1"
ALLOWED = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"""


def there():
    return ThreadedMotoServer is not None


def error(code, message="", **more):
    rest = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{rest}</Error>'.encode()


class Request:
    def __init__(self, handler, body):
        self.method, self.target, self.body = handler.command, handler.path, body
        self.headers = {name: value for name, value in handler.headers.items()}
        self.lower = {name.lower(): value for name, value in self.headers.items()}
        self.path, _, query = self.target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.key = "/".join(self.path.split("/")[2:]) if self.path.startswith(f"/{BUCKET}") else self.path[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, code, body, headers=(), cut=None):
        """cut: so many bytes of the body are sent, and then the connection is closed."""
        self.send_response_only(code)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "server"):
                self.send_header(name, value)
        if "content-length" not in names:
            self.send_header("Content-Length", str(len(body)))
        if "date" not in names:
            self.send_header("Date", self.date_time_string(time.time() + self.server.front.skew))
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def handle_any(self):
        front = self.server.front
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self, body)
        with front.lock:
            front.requests.append(request)
            front.seen[request.method, request.target] += 1
            nth = front.seen[request.method, request.target]
        try:
            if (fault := front.fault(request, nth)) and fault(self, request):
                return
            if wrong := front.wrong(request):
                self.send(wrong[0], wrong[1])
                return
            self.send(*front.forward(request))
        except (BrokenPipeError, ConnectionResetError, OSError):
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any


def answer(code, name, **more):
    return lambda handler, request: handler.send(code, error(name, **more)) or True


def hang_up(handler, _):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
    return True


def hang(handler, _):
    handler.server.front.ending.wait(30)
    return hang_up(handler, _)


def cut(handler, request):
    """The answer's body ends too soon."""
    code, body, headers = handler.server.front.forward(request)
    handler.send(code, body, headers, cut=len(body) // 2)
    return True


def shorten(handler, request):
    """... and its length says so too, as a cache might that has half of it."""
    code, body, headers = handler.server.front.forward(request)
    half = body[:len(body) // 2]
    handler.send(code, half, [(n, v) for n, v in headers if n.lower() != "content-length"])
    return True


def flip(handler, request):
    """One bit of it is another."""
    code, body, headers = handler.server.front.forward(request)
    changed = bytearray(body)
    if changed:
        changed[len(changed) // 2] ^= 1
    handler.send(code, bytes(changed), headers)
    return True


def after(handler, request):
    """It is done, and the answer is lost."""
    handler.server.front.forward(request)
    return hang_up(handler, request)


class Front:
    FAULTS = {"500": answer(500, "InternalError"), "503": answer(503, "SlowDown"), "403": answer(403, "AccessDenied"),
              "429": answer(429, "TooManyRequests"), "507": answer(507, "XMinioStorageFull"), "close": hang_up, "hang": hang,
              "lost": after, "quota": answer(403, "QuotaExceeded"), "badkey": answer(403, "InvalidAccessKeyId"),
              "badsign": answer(403, "SignatureDoesNotMatch"), "token": answer(400, "ExpiredToken"),
              "region": answer(400, "AuthorizationHeaderMalformed", Region="ap-south-1"), "html": None}
    OF_GET = {"cut": cut, "short": shorten, "flip": flip}

    def __init__(self, moto_port, credentials):
        self.moto_port, self.credentials = moto_port, credentials
        self.lock, self.seen, self.requests = threading.Lock(), collections.Counter(), []
        self.skew, self.plan, self.ending = 0, None, threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.front = True, self
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.ending.set()
        self.server.shutdown()
        self.server.server_close()

    @contextlib.contextmanager
    def tls(self):
        """The same behind TLS: (port, file of its authority), the certificate made for this."""
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                            "/CN=s3", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads, server.front = True, self
            server.handle_error = lambda *_: None  # who does not trust it hangs up
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            yield server.server_port, certificate
            server.shutdown()
            server.server_close()

    def fault(self, request, nth):
        """once-503/..., always-cut/..., part-500/... (of a PUT of a second part): by the first part of the key or of a prefix."""
        if self.plan:
            return self.plan(request, nth)
        place = request.key or request.query.get("prefix", "")
        when, _, what = place.split("/")[0].partition("-")
        if what == "html":
            return lambda handler, _: handler.send(200, b"<!doctype html><p>welcome") or True
        if what in self.OF_GET and (request.method != "GET" or "prefix" in request.query):
            return None
        fault = self.FAULTS.get(what) or self.OF_GET.get(what)
        if when == "part":
            return fault if request.query.get("partNumber") == "2" else None
        if when == "complete" and request.method == "POST" and "uploadId" in request.query:
            return lambda handler, _: handler.send(200, error("InternalError")) or True
        return fault if when == "always" or (when == "once" and nth == 1) else None

    def wrong(self, request):
        """What a real S3 refuses, and moto does not look at."""
        now = time.time() + self.skew
        if "X-Amz-Signature" in request.query:
            return self.wrong_url(request, now)
        stamp = request.lower.get("x-amz-date", "")
        when = datetime.datetime.strptime(stamp or "19700101T000000Z", "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if "authorization" not in request.lower:
            return 403, error("AccessDenied")
        if abs(when.timestamp() - now) > 900:
            return 403, error("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
        if request.lower.get("x-amz-content-sha256") != hashlib.sha256(request.body).hexdigest():
            return 400, error("XAmzContentSHA256Mismatch")
        md5 = request.lower.get("content-md5")
        if (md5 or request.body) and md5 != base64.b64encode(hashlib.md5(request.body).digest()).decode():
            return 400, error("BadDigest")
        return None

    def wrong_url(self, request, now):
        pairs = [(n, v) for n, v in urllib.parse.parse_qsl(request.target.partition("?")[2]) if n != "X-Amz-Signature"]
        stamp = request.query["X-Amz-Date"]
        begin = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
        if not begin - 900 <= now <= begin + int(request.query["X-Amz-Expires"]):
            return 403, error("AccessDenied", "Request has expired")
        auth = S3SigV4QueryAuth(self.credentials, "s3", request.query["X-Amz-Credential"].split("/")[2])
        query = "&".join(f"{urllib.parse.quote(n, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}" for n, v in pairs)
        asked = AWSRequest("GET", f"http://{request.lower['host']}{request.path}?{query}", headers={"host": request.lower["host"]})
        asked.context["timestamp"] = stamp
        ours = auth.signature(auth.string_to_sign(asked, auth.canonical_request(asked)), asked)
        if request.method != "GET" or ours != request.query["X-Amz-Signature"]:
            return 403, error("SignatureDoesNotMatch")
        return None

    def forward(self, request):
        headers, target = dict(request.headers), request.target
        if "X-Amz-Signature" in request.query:  # moto takes none of these where it checks signatures
            rest = {n: v for n, v in request.query.items() if n.startswith("response-")}
            target = request.path + "?" + urllib.parse.urlencode(rest, quote_via=urllib.parse.quote, safe="-_.~")
            signed = AWSRequest("GET", f"http://{request.lower['host']}{target}")
            S3SigV4Auth(self.credentials, "s3", REGION).add_auth(signed)
            headers = {**dict(signed.headers), "Host": request.lower["host"]}
        headers.pop("Expect", None)
        connection = http.client.HTTPConnection("127.0.0.1", self.moto_port, timeout=60)
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body, response.getheaders()


class S3:
    """with S3() as s3: s3.url("prefix"), s3.environment, s3.keys("prefix"), s3.front"""

    def __enter__(self):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.moto.start()
        self.moto_port = self.moto.get_host_and_port()[1]
        direct = dict(endpoint_url=f"http://127.0.0.1:{self.moto_port}", region_name=REGION, aws_access_key_id="a",
                      aws_secret_access_key="b")
        iam = boto3.client("iam", **direct)
        self.pairs = {}
        for user in ("service", "stranger"):
            iam.create_user(UserName=user)
            key = iam.create_access_key(UserName=user)["AccessKey"]
            self.pairs[user] = (key["AccessKeyId"], key["SecretAccessKey"])
        iam.put_user_policy(UserName="service", PolicyName="all", PolicyDocument=ALLOWED)
        boto3.client("s3", **direct).create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0  # from now on every signature is checked
        access, secret = self.pairs["service"]
        self.front = Front(self.moto_port, Credentials(access, secret))
        self.client = boto3.client("s3", **dict(direct, aws_access_key_id=access, aws_secret_access_key=secret))
        return self

    def __exit__(self, *_):
        self.front.close()
        self.moto.stop()

    @contextlib.contextmanager
    def beside(self):
        """The same bucket behind a front of its own, whose faults nobody else meets."""
        other = copy.copy(self)
        other.front = Front(self.moto_port, self.front.credentials)
        yield other
        other.front.close()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.front.port}"

    def url(self, prefix="", **more):
        query = urllib.parse.urlencode({"region": REGION, "endpoint": self.endpoint, **more}, safe=":/")
        return f"s3://{BUCKET}/{prefix}?{query}"

    @property
    def environment(self):
        access, secret = self.pairs["service"]
        return {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}

    @functools.cached_property
    def session(self):
        """Keys for a time, with their token."""
        direct = dict(endpoint_url=f"http://127.0.0.1:{self.moto_port}", region_name=REGION)
        iam = boto3.client("iam", **direct, aws_access_key_id=self.pairs["service"][0], aws_secret_access_key=self.pairs["service"][1])
        moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
        role = iam.create_role(RoleName="uploader", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        iam.put_role_policy(RoleName="uploader", PolicyName="all", PolicyDocument=ALLOWED)
        sts = boto3.client("sts", **direct, aws_access_key_id="a", aws_secret_access_key="b")
        pair = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        return {"AWS_ACCESS_KEY_ID": pair["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": pair["SecretAccessKey"],
                "AWS_SESSION_TOKEN": pair["SessionToken"]}

    def keys(self, prefix=""):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def uploads(self):
        return self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])


def randomly(share, seed, faults=("500", "503", "403", "close", "cut", "short", "flip", "lost")):
    """A plan by which so large a share of requests fails, each in its own way."""
    chance = random.Random(seed)

    def plan(request, _):
        if "X-Amz-Signature" in request.query or chance.random() >= share:  # a client's own is not ours to try again
            return None
        kind = chance.choice(faults)
        plan.injected[kind] += 1
        if kind in Front.OF_GET and request.method != "GET":
            kind = "close"
        return Front.FAULTS.get(kind) or Front.OF_GET[kind]
    plan.injected = collections.Counter()
    return plan
