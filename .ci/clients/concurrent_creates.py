#!/usr/bin/env python3
"""Many stores at once over MCP: everything acknowledged must be there afterwards.

    concurrent_creates.py URL [--calls 200] [--in-flight 8]

Expects an empty store. Other memory servers answer "stored" here and keep a fraction.
"""
import argparse
import asyncio

from mcp import Client

TIMEOUT_S = 300
NAMES = ("Ada", "Boris", "Chiara", "Dag", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas")
TRADES = ("baker", "glazier", "cartographer", "diver", "luthier", "mason", "pilot", "potter", "saddler", "weaver")


def content(number):
    """A text of its own for each number: no two are duplicates."""
    name, trade = NAMES[number % 10], TRADES[number // 10 % 10]
    return f"{name} number {number} works as a {trade} in street {number * 37 % 1009}."


async def main(url, calls, in_flight):
    acknowledged, failures, waiting = {}, [], iter(range(calls))
    async with Client(url, mode="auto") as client:
        async def storer():
            for number in waiting:
                answer = await client.call_tool("store_memory", {"content": content(number)})
                if answer.is_error:
                    failures.append((number, answer.content))
                else:
                    acknowledged[number] = answer.structured_content["result"]["memory_id"]

        await asyncio.gather(*(storer() for _ in range(in_flight)))
        assert not failures, f"{len(failures)} of {calls} stores failed, the first: {failures[0]}"
        assert len(set(acknowledged.values())) == calls, "two stores were acknowledged with one id"

        stats = (await client.call_tool("get_memory_stats", {})).structured_content["result"]
        counted = stats["system_overview"]["total_memories"]
        assert counted == calls, f"{calls} acknowledged, {counted} counted"

        sample = range(0, calls, 7)
        for number in sample:
            answer = await client.call_tool("retrieve_memory", {"query": content(number), "threshold": 0.0, "limit": 10})
            found = {one["memory_id"]: one["content"] for one in answer.structured_content["result"]["memories"]}
            assert found.get(acknowledged[number]) == content(number), f"memory {acknowledged[number]} is not recalled"
    print(f"concurrent creates: {calls} acknowledged with {in_flight} in flight, {counted} counted, "
          f"{len(sample)} of {len(sample)} sampled recalled", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--in-flight", type=int, default=8)
    given = parser.parse_args()
    asyncio.run(asyncio.wait_for(main(given.url, given.calls, given.in_flight), TIMEOUT_S))
