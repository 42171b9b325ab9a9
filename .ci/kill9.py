#!/usr/bin/env python3
"""kill -9 at random moments under store load: everything acknowledged must be there after the restart.

    kill9.py BINARY [--kills 200] [--clients 4] [--seconds 900] [--seed N]

Each cycle starts the server on the same folder, asks for a sample of what was acknowledged before, stores from several gRPC
clients for a tenth to half a second, and kills. Every 20th cycle, and at the end, all acknowledged memories are asked
for by id and their contents compared; then `cortexkg verify` must call the folder sound. A store that was sent but not
acknowledged may be there or not. `--seconds` bounds the cycles; fewer kills than asked for is a failure, not a pass.
"""
import argparse
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "clients"))
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # servers are spawned while channels are open; its fork handlers deadlock
import grpc  # noqa: E402
from reflected import Reflected  # noqa: E402
from server import Server  # noqa: E402

LOAD_S = (0.1, 0.5)
FULL_CHECK_EVERY = 20
SAMPLE = 30
CALL_S_MAX = 60
IN_FLIGHT_OF_CHECK = 64
# Keeps the full checks short on a slow machine; the disk is asked for a sync by every store all the same.
STORES_OF_CLIENT_MAX = 15


class Load:
    """Clients that store until the server is gone, and remember what was acknowledged."""

    def __init__(self, client, address, cycle, clients):
        self.acknowledged, self.lock, self.unexpected = {}, threading.Lock(), []
        self.killing, self.stopping = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=self._store, args=(client, address, cycle, number), daemon=True)
                        for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def _store(self, client, address, cycle, number):
        with grpc.insecure_channel(address) as channel:
            store = client.callable(channel, "Store")
            for count in range(STORES_OF_CLIENT_MAX):
                if self.stopping.is_set():
                    return
                content = f"Cycle {cycle}: courier {number} of district {cycle * 7 % 101} delivered parcel {count}."
                try:
                    answer = store(client.request("Store", content=content), timeout=CALL_S_MAX)
                except grpc.RpcError as error:
                    # A dying connection has many names; an error before the kill is the server's own.
                    if not self.killing.is_set():
                        with self.lock:
                            self.unexpected.append(f"{error.code()}: {error.details()}")
                    return
                with self.lock:
                    self.acknowledged[answer.memory_id] = content
                time.sleep(0.005)

    def join(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(CALL_S_MAX)
        if self.unexpected:
            raise AssertionError(f"a store failed before the kill: {self.unexpected[0]}")
        return self.acknowledged


def missing(client, address, expected):
    """Ids whose memory is gone or holds another content."""
    lost, expected = [], list(expected.items())
    with grpc.insecure_channel(address) as channel:
        get = client.callable(channel, "Get")
        for start in range(0, len(expected), IN_FLIGHT_OF_CHECK):
            asked = [(memory, content, get.future(client.request("Get", memory_id=memory), timeout=CALL_S_MAX))
                     for memory, content in expected[start:start + IN_FLIGHT_OF_CHECK]]
            for memory, content, answer in asked:
                error = answer.exception()
                if error is not None and error.code() != grpc.StatusCode.NOT_FOUND:
                    raise error
                if error is not None or answer.result().memory.content != content:
                    lost.append(memory)
    return lost


def check(client, server, expected, what):
    lost = missing(client, server.grpc, expected)
    if lost:
        raise AssertionError(f"{what}: {len(lost)} of {len(expected)} acknowledged memories are lost, such as {lost[:5]}")


def cycles(server, given, rng):
    """Kills, and returns how many there were and what was acknowledged."""
    acknowledged, client, began, kills = {}, None, time.monotonic(), 0
    while kills < given.kills and time.monotonic() - began < given.seconds:
        server.start()
        client = client or Reflected(server.grpc)
        sample = rng.sample(sorted(acknowledged), min(SAMPLE, len(acknowledged)))
        check(client, server, {memory: acknowledged[memory] for memory in sample}, f"after kill {kills}, sample")
        if kills and kills % FULL_CHECK_EVERY == 0:
            check(client, server, acknowledged, f"after kill {kills}")
            print(f"after {kills} kills: all {len(acknowledged)} acknowledged memories are there "
                  f"({time.monotonic() - began:.0f} s)", flush=True)
        load = Load(client, server.grpc, kills, given.clients)
        time.sleep(rng.uniform(*LOAD_S))
        load.killing.set()
        server.kill()
        kills += 1
        fresh = load.join()
        reused = acknowledged.keys() & fresh.keys()
        if reused:
            raise AssertionError(f"after kill {kills}: ids given twice, such as {sorted(reused)[:5]}")
        acknowledged.update(fresh)
    server.start()
    check(client, server, acknowledged, f"after the last kill, {kills}")
    return kills, acknowledged


def main(given):
    # One channel that lives as long as the process: gRPC's library otherwise shuts down and starts anew in every cycle.
    with tempfile.TemporaryDirectory(prefix="cortexkg-kill9-") as folder, grpc.insecure_channel("127.0.0.1:1"):
        server = Server(given.binary, f"{folder}/data", f"{folder}/log")
        try:
            kills, acknowledged = cycles(server, given, random.Random(given.seed))
            if not server.stop():
                raise AssertionError("the server did not stop cleanly after the last restart")
            verified = subprocess.run([given.binary, "verify", "--data", f"{folder}/data"], stdin=subprocess.DEVNULL)
            if verified.returncode:
                raise AssertionError("`cortexkg verify` calls the folder unsound")
        except Exception:
            print("end of the server's log:\n" + (server.tail() if server.log.exists() else "none"), flush=True)
            raise
        finally:
            if server.process is not None:
                server.kill()
    if not acknowledged:
        raise AssertionError("nothing was acknowledged: this run proves nothing")
    print(f"kill -9: {kills} kills, {len(acknowledged)} acknowledged memories, all there", flush=True)
    if kills < given.kills:
        raise AssertionError(f"only {kills} of {given.kills} kills fitted into {given.seconds} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.seed is None:
        options.seed = random.randrange(1 << 32)
    print(f"seed {options.seed}", flush=True)
    main(options)
