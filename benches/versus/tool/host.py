"""One running host and its plugin."""

import glob
import json
import os
import select
import signal
import subprocess
import time


class Failed(Exception):
    """A row gave no figure."""


class Lacks(Failed):
    """The contender has no such notion."""


class Host:
    """Answers a line by a line. Ends with its standard input, and so with this driver."""

    def __init__(self, command, log, sockets, environment, patience=60.0):
        self.patience = patience
        self.rest = b""
        # A session of its own, so that what a stuck host started can be killed with it.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **environment, "TMPDIR": sockets},
            start_new_session=True,
        )
        try:
            ready = self.read_line()
            self.pids = [ready["host"], ready["plugin"]]
        except BaseException:
            self.kill()
            raise

    def ask(self, row, n=0, millis=0, file=""):
        """What a row measured: a dictionary with `ops`, `ns` and perhaps `bytes`."""
        try:
            self.process.stdin.write(f"{row} {n} {millis} {file}\n".encode())
            self.process.stdin.flush()
        except OSError as error:
            raise Failed(f"the host is gone: {error}") from error
        return self.read_line()

    def read_line(self):
        deadline = time.monotonic() + self.patience
        fd = self.process.stdout.fileno()
        while b"\n" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise Failed(f"no answer within {self.patience:.0f} s")
            got = os.read(fd, 65536)
            if not got:
                raise Failed(f"the host ended (status {self.process.wait()})")
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        answer = json.loads(line)
        if answer.get("lacks"):
            raise Lacks()
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def cpu(self):
        """Nanoseconds of processor time of both processes so far, of the threads that live."""
        total = 0
        for pid in self.pids:
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                try:
                    with open(path) as file:
                        total += int(file.read().split()[0])
                except OSError:
                    pass  # The thread has just ended.
        return total

    def resident(self):
        """KiB of memory that host and plugin have."""
        return [resident(pid) for pid in self.pids]

    def close(self):
        """Lets the host end its plugin and itself."""
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def resident(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise Failed(f"no VmRSS for {pid}")
