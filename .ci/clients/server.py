#!/usr/bin/env python3
"""A real server on free loopback ports and a data folder: start, wait until ready, stop or kill.

    server.py BINARY -- COMMAND ARGS...

runs COMMAND against a server on a fresh folder, with {mcp} and {grpc} in ARGS replaced by its addresses, stops the server
by its pid, and exits with COMMAND's status, or 1 if the server did not stop cleanly. Standard library only.
"""
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

READY_S_MAX = 120  # a debug build on a busy two-core machine
STOP_S_MAX = 60


def free_ports(count):
    """Loopback ports that nobody listens on now. All are held until all are chosen, so they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def dying_with_parent():
    """Prefix of a command: a killed script leaves no server behind. No `preexec_fn`: that forks, and gRPC in the parent
    may deadlock over a fork, while plain subprocesses are spawned without one."""
    return ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []


class Server:
    """`cortexkg serve`; its log goes to `log`."""

    def __init__(self, binary, data, log):
        self.binary, self.data, self.log = binary, pathlib.Path(data), pathlib.Path(log)
        self.process = None

    def start(self):
        """Returns once /readyz says so. A port lost to another process between choosing and binding is chosen anew."""
        for attempt in range(3):
            http, grpc, metrics = free_ports(3)
            self.mcp, self.grpc = f"http://127.0.0.1:{http}/mcp", f"127.0.0.1:{grpc}"
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [*dying_with_parent(), self.binary, "serve", "--device", "cpu", "--data", str(self.data),
                     "--http", f"127.0.0.1:{http}", "--grpc", self.grpc, "--metrics", f"127.0.0.1:{metrics}"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if self._wait_until_ready(f"http://127.0.0.1:{http}/readyz"):
                return self
            print(f"server did not start (attempt {attempt + 1}), exit status {self.process.returncode}", flush=True)
        raise RuntimeError("server did not start; its log ends:\n" + self.tail())

    def _wait_until_ready(self, url):
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            try:
                with direct.open(url, timeout=5) as answer:
                    if answer.status == 200:
                        return True
            except OSError:
                pass
            time.sleep(0.02)
        self.kill()
        return False

    def kill(self):
        """SIGKILL: what a power cut looks like to everything above the kernel."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM, as an operator does. True if the server ended by itself with status 0."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S_MAX) == 0
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def tail(self, lines=40):
        """End of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def main():
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        sys.exit("usage: server.py BINARY -- COMMAND ARGS...")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="cortexkg-ci-") as folder:
        server = Server(sys.argv[1], f"{folder}/data", f"{folder}/log").start()
        try:
            command = [word.replace("{mcp}", server.mcp).replace("{grpc}", server.grpc) for word in sys.argv[3:]]
            status = subprocess.run(command, stdin=subprocess.DEVNULL).returncode
        finally:
            stopped = server.stop()
        if not stopped:
            print("the server did not stop cleanly on SIGTERM", flush=True)
        if status or not stopped:
            print("end of the server's log:\n" + server.tail(), flush=True)
        sys.exit(status or (0 if stopped else 1))


if __name__ == "__main__":
    main()
