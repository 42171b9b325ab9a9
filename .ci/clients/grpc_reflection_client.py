#!/usr/bin/env python3
"""The gRPC door through grpcio, by reflection and without stubs.

    grpc_reflection_client.py HOST:PORT

Health, reflection v1alpha and v1, unary and streaming methods, a deadline, refusals. Ends with 1 at the first thing
that is wrong. (A file named grpc_reflection.py would hide the package of that name.)
"""
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from reflected import SERVICE, Reflected

CALL_S_MAX = 60


def expect(true, what):
    if not true:
        raise AssertionError(what)


def code_of(call):
    """Status code that a call must fail with, and its message."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


def health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", SERVICE):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=CALL_S_MAX)
        expect(answer.status == health_pb2.HealthCheckResponse.SERVING, f"health of {service!r} is {answer.status}")


def reflection_v1(channel):
    """grpcio ships messages of v1alpha only; those of v1 are the same on the wire, so they can ask v1 as well."""
    ask = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
    answers = ask(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=CALL_S_MAX)
    listed = {service.name for service in next(answers).list_services_response.service}
    answers.cancel()
    expect(SERVICE in listed, f"reflection v1 lists {sorted(listed)}")


def unary(client, call):
    content = "Sunniva Aas tunes the organ of the harbour church."
    stored = call("Store", content=content, tags=["ci"], place={"sequence": "grpc", "part": 0})
    expect(stored.memory_id and stored.sequence > 0, f"Store answered {stored}")

    found = call("Retrieve", query="Who tunes the organ?", threshold=0.0, at_least=stored.sequence)
    expect(stored.memory_id in {one.memory.memory_id for one in found.memories}, "stored, but not recalled")
    expect(call("Get", memory_id=stored.memory_id).memory.content == content, "Get answers another content")

    updated = call("Update", memory_id=stored.memory_id, new_importance=0.5, add_tags=["music"])
    expect(updated.version == 2 and updated.changes_applied, f"Update answered {updated}")
    memory = call("Get", memory_id=stored.memory_id, at_least=updated.sequence).memory
    expect(list(memory.tags) == ["ci", "music"] and memory.importance == 0.5, f"updated, but Get answers {memory}")

    repeated = [call("Store", content="The lighthouse was painted in May.", idempotency_key="lighthouse") for _ in range(2)]
    expect(repeated[0].memory_id == repeated[1].memory_id and repeated[1].was_repeated, "a repeated key stored twice")

    expect(call("Stats").memories == 2, "Stats counts other than the two memories")
    call("Delete", memory_id=stored.memory_id, force_delete=True)
    code, _ = code_of(lambda: call("Get", memory_id=stored.memory_id))
    expect(code == grpc.StatusCode.NOT_FOUND, f"Get of a deleted memory: {code}")
    expect(call("Stats").memories == 1, "Stats counts a deleted memory")


def streams(client, channel):
    contents = [f"Ferry {number} leaves pier {number + 1} at dawn." for number in range(50)]
    contents[20] = ""
    requests = (client.request("StoreStream", item={"content": content}) for content in contents)
    outcomes = [answer.outcome for answer in client.callable(channel, "StoreStream")(requests, timeout=CALL_S_MAX)]
    expect(len(outcomes) == len(contents), f"{len(outcomes)} answers to {len(contents)} items of a stream")
    for number, outcome in enumerate(outcomes):
        expect(outcome.WhichOneof("outcome") == ("error" if number == 20 else "stored"), f"item {number}: {outcome}")
    expect(outcomes[20].error.field.endswith("content"), f"a bad item of a stream: {outcomes[20].error}")
    get = client.callable(channel, "Get")
    for content, outcome in zip(contents, outcomes):
        if content:
            memory = get(client.request("Get", memory_id=outcome.stored.memory_id), timeout=CALL_S_MAX).memory
            expect(memory.content == content, f"answers are not in the order of the items: {memory.content} for {content}")

    queries = [{"query": f"When does ferry {number} leave?", "threshold": 0.0, "limit": 3} for number in range(20)]
    answers = list(client.callable(channel, "RetrieveMany")(client.request("RetrieveMany", queries=queries), timeout=CALL_S_MAX))
    expect(sorted(answer.index for answer in answers) == list(range(20)), "RetrieveMany does not answer each query once")
    for answer in answers:
        expect(answer.retrieved.memories, f"query {answer.index} of RetrieveMany recalls nothing: {answer}")


def refusals(client, channel, call):
    for method, fields, field in (("Store", {"content": ""}, "content"),
                                  ("Store", {"content": "x", "confidence": 2.0}, "confidence"),
                                  ("Retrieve", {"query": "x", "limit": 0}, "limit")):
        code, message = code_of(lambda: call(method, **fields))
        expect(code == grpc.StatusCode.INVALID_ARGUMENT, f"{method} {fields}: {code}")
        expect(field in message, f"{method} {fields}: the refusal does not name `{field}`: {message}")
    # More work than fits the deadline; either end may be the one to say so.
    work = [{"query": f"When does ferry {number} leave?", "threshold": 0.0} for number in range(1000)]
    expired = client.callable(channel, "RetrieveMany")
    code, _ = code_of(lambda: list(expired(client.request("RetrieveMany", queries=work), timeout=0.002)))
    expect(code == grpc.StatusCode.DEADLINE_EXCEEDED, f"an expired deadline: {code}")
    expect(call("Stats").memories > 0, "no answer after an expired deadline")


def main(address):
    client = Reflected(address)
    expect(SERVICE in client.services, f"reflection v1alpha lists {client.services}")
    with grpc.insecure_channel(address) as channel:
        def call(method, **fields):
            return client.callable(channel, method)(client.request(method, **fields), timeout=CALL_S_MAX)

        for name, check in (("health", lambda: health(channel)), ("reflection v1", lambda: reflection_v1(channel)),
                            ("unary calls", lambda: unary(client, call)), ("streams", lambda: streams(client, channel)),
                            ("refusals and a deadline", lambda: refusals(client, channel, call))):
            check()
            print(f"grpc, {name}: ok", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
