"""`emotivoice scale` as a process, for tests: its log is read while it runs."""
import re
import signal
import subprocess
import threading

import service


class Scaler:
    """with Scaler(command, "--redis", url, "--max", "3") as s: s.workers()"""

    def __init__(self, command, *flags):
        self.flags, self.lines = [command, "scale", *flags], []

    def __enter__(self):
        self.process = subprocess.Popen(self.flags, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self.reader.start()
        return self

    def workers(self):
        """Processes that it has and did not tell to leave, and those that it did."""
        started, leaving, over = ([int(m) for m in re.findall(pattern, "".join(self.lines))] for pattern in
                                  (r"worker (\d+) started", r"worker (\d+) finishes what it has", r"worker (\d+) (?:ended with|was ended)"))
        return [p for p in started if p not in leaving and p not in over], [p for p in leaving if p not in over]

    def wait(self, count, seconds=30):
        return service.wait_for(lambda: len(self.workers()[0]), lambda n: n == count, seconds)

    def stop(self):
        """By SIGTERM; its exit status, when all have ended."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(90)
        self.reader.join(5)
        return status

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(20)  # workers have the same standard error, and end with it
        self.process.stderr.close()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
