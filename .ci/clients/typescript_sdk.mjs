// The official TypeScript MCP SDKs as clients: v2 in both protocol eras, v1 with the handshake only.
//
//   node typescript_sdk.mjs FOLDER URL      FOLDER holds node_modules with both SDKs
//
// Each runs in a process of its own, because one thing under test is its stderr: the schema validator says
// "unknown format" there when a schema carries a format that no JSON Schema draft knows.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const TOOLS = ["analyze_memory_graph", "configure_learning", "delete_memory", "get_memory_stats", "retrieve_memory",
  "store_memory", "update_memory"];
const RUNS = [["v2", "auto", "2026-07-28", "Leonie Falk"], ["v2", "legacy", "2025-11-25", "Anselm Reuter"],
  ["v1", "legacy", "2025-11-25", "Mirela Stoica"]];
const TIMEOUT_MS = 120_000;

async function connect(folder, url, sdk, mode) {
  const installed = createRequire(path.join(path.resolve(folder), "package.json"));
  const load = (name) => import(pathToFileURL(installed.resolve(name)).href);
  const [client, http] = sdk === "v2"
    ? Array(2).fill(await load("@modelcontextprotocol/client"))
    : [await load("@modelcontextprotocol/sdk/client/index.js"), await load("@modelcontextprotocol/sdk/client/streamableHttp.js")];
  const options = { capabilities: {}, ...(sdk === "v2" ? { versionNegotiation: { mode } } : {}) };
  const connected = new client.Client({ name: "cortexkg-ci", version: "1" }, options);
  const transport = new http.StreamableHTTPClientTransport(new URL(url));
  await connected.connect(transport);
  return [connected, connected.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion];
}

async function scenario(client, subject) {
  const call = (name, args) => client.callTool({ name, arguments: args });
  const succeed = async (name, args) => {
    const answer = await call(name, args);
    assert.ok(!answer.isError, `${name}: ${JSON.stringify(answer.content)}`);
    assert.ok(answer.structuredContent, `${name}: no structured content`);
    return answer.structuredContent.result;
  };
  const refuse = async (name, args, field) => {
    const answer = await call(name, args);
    assert.equal(answer.isError, true, `${name} ${JSON.stringify(args)} was accepted`);
    assert.match(JSON.stringify(answer.content), new RegExp(field), "the refusal names the field");
  };
  const recalled = async () => {
    const { memories } = await succeed("retrieve_memory", { query: `Where does ${subject} mend clocks?`, threshold: 0, limit: 20 });
    return new Map(memories.map((memory) => [memory.memory_id, memory.content]));
  };
  const [first, second] = [`${subject} mends clocks in the harbour.`, `${subject} mends clocks beside the mill.`];

  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name).sort(), TOOLS);
  const { memory_id: memory } = await succeed("store_memory", { content: first, tags: ["ci"] });
  assert.equal((await recalled()).get(memory), first, "stored, but not recalled");
  const { changes_applied: changes } = await succeed("update_memory", { memory_id: memory, new_content: second });
  assert.ok(changes.some((change) => change.new_value === second), "the update tells the new content");
  assert.equal((await recalled()).get(memory), second, "updated, but not recalled so");
  await refuse("store_memory", { content: "" }, "content");
  await refuse("store_memory", { content: first, confidence: 7 }, "confidence");
  const deleted = await succeed("delete_memory", { memory_id: memory, force_delete: true });
  assert.equal(deleted.deletion_successful, true);
  assert.ok(!(await recalled()).has(memory), "deleted, but recalled");
}

async function one(folder, url, sdk, mode, revision, subject) {
  const [client, spoken] = await connect(folder, url, sdk, mode);
  assert.equal(spoken, revision, `${sdk} ${mode} negotiated another revision`);
  await scenario(client, subject);
  await client.close();
}

function all(folder, url) {
  let failed = 0;
  for (const [sdk, mode, revision, subject] of RUNS) {
    const argv = [fileURLToPath(import.meta.url), folder, url, sdk, mode, revision, subject];
    const run = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: TIMEOUT_MS });
    const good = run.status === 0 && !/unknown format/i.test(run.stderr);
    failed += good ? 0 : 1;
    console.log(`typescript sdk ${sdk}, mode ${mode}, revision ${revision}: ${good ? "ok" : `FAILED (status ${run.status})`}`);
    if (run.stderr) console.log(run.stderr.trimEnd());
  }
  process.exitCode = failed ? 1 : 0;
}

const [folder, url, ...rest] = process.argv.slice(2);
if (!url) {
  console.error("usage: typescript_sdk.mjs FOLDER URL");
  process.exitCode = 2;
} else if (rest.length) {
  await one(folder, url, ...rest);
} else {
  all(folder, url);
}
