#!/usr/bin/env python3
"""The official Python MCP SDK as a client, in both protocol eras.

    python_sdk.py http URL | python_sdk.py stdio BINARY

Over stdio each era gets a `cortexkg mcp` of its own on a fresh folder. Ends with 1 at the first thing that is wrong.
"""
import asyncio
import sys
import tempfile

from mcp import Client
from mcp.client.stdio import StdioServerParameters

TOOLS = {"store_memory", "retrieve_memory", "update_memory", "delete_memory", "analyze_memory_graph",
         "get_memory_stats", "configure_learning"}
# What `mode` must lead to: auto finds the stateless revision, legacy the handshake.
ERAS = {"auto": "2026-07-28", "legacy": "2025-11-25"}
TIMEOUT_S = 120


def expect(true, what):
    if not true:
        raise AssertionError(what)


async def succeed(client, tool, arguments):
    """Structured content of a call that must succeed."""
    answer = await client.call_tool(tool, arguments)
    expect(not answer.is_error, f"{tool} {arguments}: {answer.content}")
    expect(answer.structured_content, f"{tool}: no structured content")
    expect(answer.content, f"{tool}: no text beside the structured content")
    return answer.structured_content["result"]


async def refuse(client, tool, arguments, field):
    """A bad argument is a tool result that says so and names the field."""
    answer = await client.call_tool(tool, arguments)
    expect(answer.is_error, f"{tool} {arguments}: was accepted")
    text = " ".join(getattr(block, "text", "") for block in answer.content)
    expect(field in text, f"{tool} {arguments}: the refusal does not name `{field}`: {text}")


async def contents(client, query):
    """Contents by memory id of what a query recalls."""
    found = await succeed(client, "retrieve_memory", {"query": query, "threshold": 0.0, "limit": 20})
    return {memory["memory_id"]: memory["content"] for memory in found["memories"]}


async def memories(client):
    """Live memories, as the server counts them."""
    return (await succeed(client, "get_memory_stats", {}))["system_overview"]["total_memories"]


async def scenario(client, subject):
    """Store, retrieve, update, delete, and three refusals."""
    first, second = f"{subject} keeps bees on the roof of the library.", f"{subject} keeps bees in the botanical garden."
    listed = [tool.name for tool in (await client.list_tools()).tools]
    expect(len(listed) == len(TOOLS) and set(listed) == TOOLS, f"tools are {listed}")

    stored = await succeed(client, "store_memory", {"content": first, "tags": ["ci"], "importance": 0.7})
    memory = stored["memory_id"]
    expect((await contents(client, f"Where does {subject} keep bees?")).get(memory) == first, "stored, but not recalled")

    updated = await succeed(client, "update_memory", {"memory_id": memory, "new_content": second})
    changed = {change["field_name"]: change["new_value"] for change in updated["changes_applied"]}
    expect(second in changed.values(), f"update told {changed}")
    expect((await contents(client, f"Where does {subject} keep bees?")).get(memory) == second, "updated, but not recalled so")

    await refuse(client, "store_memory", {"content": ""}, "content")
    await refuse(client, "store_memory", {"content": first, "confidence": 7}, "confidence")
    await refuse(client, "retrieve_memory", {"query": subject, "limit": 0}, "limit")

    before = await memories(client)
    deleted = await succeed(client, "delete_memory", {"memory_id": memory, "force_delete": True})
    expect(deleted["deletion_successful"] is True, f"delete told {deleted}")
    expect(memory not in await contents(client, f"Where does {subject} keep bees?"), "deleted, but recalled")
    after = await memories(client)
    expect(after == before - 1, f"{before} memories before the deletion, {after} after it")


async def run(kind, where):
    for number, (mode, revision) in enumerate(ERAS.items()):
        with tempfile.TemporaryDirectory(prefix="cortexkg-ci-") as folder:
            target = where
            if kind == "stdio":
                target = StdioServerParameters(command=where, args=["mcp", "--device", "cpu", "--data", f"{folder}/data"])
            async with Client(target, mode=mode) as client:
                spoken = client.protocol_version
                expect(spoken == revision, f"mode {mode} negotiated {spoken}, expected {revision}")
                await scenario(client, ("Ottilie Brandt", "Casimir Vogel")[number])
        print(f"python sdk, {kind}, mode {mode}, revision {spoken}: ok", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("http", "stdio"):
        sys.exit(__doc__)
    asyncio.run(asyncio.wait_for(run(*sys.argv[1:]), TIMEOUT_S * len(ERAS)))
