"""Headless Chromium for tests, through the DevTools protocol on two pipes (--remote-debugging-pipe): JSON messages that
end in a NUL. The standard library is enough.

    with Browser("/usr/bin/chromium") as browser:
        tab = browser.tab(width=1400, height=900)
        tab.go("http://127.0.0.1:8080/")
        tab.evaluate("document.title")
"""
import base64
import fcntl
import json
import os
import select
import subprocess
import tempfile
import time

FLAGS = ["--headless=new", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
         "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--remote-debugging-pipe",
         "--force-color-profile=srgb", "--font-render-hinting=none", "--hide-scrollbars"]


# What Chromium answers to what was asked of a page that is gone.
NAVIGATED = ("Inspected target navigated or closed", "Cannot find default execution context", "Execution context was destroyed.")


class BrowserError(Exception):
    pass


class Navigated(BrowserError):
    """The page went to another while it was asked."""


class Browser:
    def __init__(self, program, wait_s=90, flags=()):
        self.profile = tempfile.TemporaryDirectory(prefix="page-test-", ignore_cleanup_errors=True)
        self.wait_s, self.next_id, self.buffer, self.answers, self.tabs = wait_s, 0, b"", {}, {}
        to_read, self.to_browser = os.pipe()
        self.from_browser, to_write = os.pipe()
        far = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (to_read, to_write)]

        def wire():  # the browser reads at 3 and writes at 4
            os.dup2(far[0], 3)
            os.dup2(far[1], 4)

        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [program, *FLAGS, *flags, *sandbox, f"--user-data-dir={self.profile.name}", "about:blank"]
        self.process = subprocess.Popen(command, preexec_fn=wire, pass_fds=(3, 4), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in (to_read, to_write, *far):
            os.close(end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.send("Browser.close")
            self.process.wait(10)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to_browser)
        os.close(self.from_browser)
        self.profile.cleanup()

    def post(self, method, params=None, session=None):
        self.next_id += 1
        message = {"id": self.next_id, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to_browser, data):]
        return self.next_id

    def send(self, method, params=None, session=None):
        number, end = self.post(method, params, session), time.monotonic() + self.wait_s
        while number not in self.answers:
            self.pump(end - time.monotonic(), method)
        answer = self.answers.pop(number)
        if "error" in answer:
            message = answer["error"].get("message")
            raise (Navigated if message in NAVIGATED else BrowserError)(f"{method}: {message}")
        return answer["result"]

    def pump(self, seconds, waiting_for="an event"):
        """Reads what has come; waits for something until `seconds` are over."""
        if not select.select([self.from_browser], [], [], max(0, seconds))[0]:
            if seconds <= 0:
                raise BrowserError(f"{waiting_for}: no answer in {self.wait_s} s")
            return
        data = os.read(self.from_browser, 1 << 20)
        if not data:
            raise BrowserError("the browser is gone")
        *whole, self.buffer = (self.buffer + data).split(b"\0")
        for message in map(json.loads, whole):
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.tabs:
                self.tabs[message["sessionId"]].on_event(message["method"], message["params"])

    def tab(self, **options):
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = self.tabs[session] = Tab(self, session, target, context)
        tab.prepare(**options)
        return tab


class Tab:
    """A page in a context of its own: no cookies or storage from another."""

    def __init__(self, browser, session, target, context):
        self.browser, self.session, self.target, self.context = browser, session, target, context
        self.requests, self.problems, self.downloads, self.faults = [], [], {}, []
        self.accept_dialogs, self.folder = True, tempfile.TemporaryDirectory(prefix="page-test-")

    def send(self, method, **params):
        return self.browser.send(method, params, self.session)

    def prepare(self, width=1400, height=900, dark=False, language="en-US", scale=1, permissions=("audioCapture",)):
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.send(f"{domain}.enable")
        self.send("Network.setUserAgentOverride", userAgent=self.browser.send("Browser.getVersion")["userAgent"],
                  acceptLanguage=language)
        self.browser.send("Browser.grantPermissions", {"browserContextId": self.context,
                                                       "permissions": list(permissions)})
        self.browser.send("Browser.setDownloadBehavior", {"behavior": "allowAndName", "browserContextId": self.context,
                                                          "downloadPath": self.folder.name, "eventsEnabled": True},
                          self.session)
        self.size(width, height, scale)
        self.send("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def size(self, width, height, scale=1):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=scale, mobile=False)

    def close(self):
        self.browser.tabs.pop(self.session)
        self.browser.send("Target.closeTarget", {"targetId": self.target})
        self.browser.send("Target.disposeBrowserContext", {"browserContextId": self.context})
        self.folder.cleanup()

    # ---- what happens ----

    def on_event(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append({"id": params["requestId"], **params["request"]})
        elif method == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"].get("exception", {}).get("description") or str(params))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(f'{params["entry"]["text"]} ({params["entry"].get("url", "")})')
        elif method == "Page.javascriptDialogOpening":
            self.browser.post("Page.handleJavaScriptDialog", {"accept": self.accept_dialogs}, self.session)
        elif method == "Page.downloadWillBegin":
            self.downloads[params["guid"]] = {"name": params["suggestedFilename"], "done": False}
        elif method == "Page.downloadProgress" and params["state"] == "completed":
            self.downloads[params["guid"]]["done"] = True
        elif method == "Fetch.requestPaused":
            self.fulfil(params)

    def fulfil(self, paused):
        fault = self.faults.pop(0) if self.faults and paused["request"]["method"] == "POST" else None
        number = {"requestId": paused["requestId"]}
        if not fault:
            self.browser.post("Fetch.continueRequest", number, self.session)
        elif fault == "unreachable":
            self.browser.post("Fetch.failRequest", {**number, "errorReason": "ConnectionRefused"}, self.session)
        else:
            status, headers, body = fault
            self.browser.post("Fetch.fulfillRequest", {
                **number, "responseCode": status, "body": base64.b64encode(body).decode(),
                "responseHeaders": [{"name": k, "value": v} for k, v in headers.items()]}, self.session)

    def answer_next_post(self, status, body=b"", headers=None):
        """The next POST of the page gets this and does not reach the server; status 0: nobody answers."""
        self.send("Fetch.enable", patterns=[{"urlPattern": "*"}])
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.faults.append((status, {"Content-Type": "application/json", **(headers or {})}, content) if status
                           else "unreachable")

    # ---- acting and looking ----

    def go(self, url):
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def evaluate(self, script):
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f'{script}: {answer["exceptionDetails"].get("exception", {}).get("description")}')
        return answer["result"].get("value")

    def until(self, condition, seconds=60):
        """Waits until a script's value, or a function's, is true, and returns it."""
        end = time.monotonic() + seconds
        while True:
            try:
                value = condition() if callable(condition) else self.evaluate(condition)
            except Navigated:  # asked while the page went to another: that one is asked next
                value = None
            if value:
                return value
            if time.monotonic() > end:
                raise BrowserError(f"not so within {seconds} s: {condition}")
            self.browser.pump(0.05)

    def click(self, selector):
        """With the mouse, where a user would: the place must be visible and not covered."""
        x, y, hit = self.evaluate(f"""(() => {{
            const node = document.querySelector({json.dumps(selector)});
            node.scrollIntoView({{block: "center", behavior: "instant"}});
            const box = node.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
            const at = document.elementFromPoint(x, y);
            return [x, y, node.contains(at)];
        }})()""")
        if not hit:
            raise BrowserError(f"{selector} is covered or out of sight")
        self.mouse(x, y)

    def mouse(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, key, code=0, modifiers=0, text=""):
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      modifiers=modifiers, **({"text": text} if text and kind == "keyDown" else {}))

    def write(self, selector, text):
        self.evaluate(f"""(() => {{ const node = document.querySelector({json.dumps(selector)});
                                    node.focus(); node.select(); }})()""")
        self.send("Input.insertText", text=text)

    def files(self, selector, *paths):
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=list(paths))

    def downloaded(self, count):
        """(name, content) of the last file once `count` are there."""
        self.until(lambda: len(self.downloads) >= count and all(d["done"] for d in self.downloads.values()))
        guid, download = list(self.downloads.items())[-1]
        with open(os.path.join(self.folder.name, guid), "rb") as file:
            return download["name"], file.read()

    def accessible(self):
        """(role, name) of what a screen reader meets, in order."""
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        return [(n["role"]["value"], n.get("name", {}).get("value", ""), {p["name"]: p["value"].get("value") for p in
                 n.get("properties", [])}, n.get("value", {}).get("value")) for n in nodes if not n["ignored"]]

    def screenshot(self, path, whole=True):
        image = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(image))
