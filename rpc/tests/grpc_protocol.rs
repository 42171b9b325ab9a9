//! What the gRPC door owes its protocol: batches, streams, deadlines, details of errors, health, reflection.

mod common;

use std::time::Duration;

use common::Engine;
use common::doors::{Grpc, to_store_request};
use cortexkg_engine::request;
use cortexkg_rpc::grpc::proto::{
    self, ItemError, RetrieveManyRequest, RetrieveRequest, StoreBatchRequest, StoreRequest,
    StoreStreamRequest, retrieve_many_response, store_outcome,
};
use cortexkg_rpc::{Settings, grpc};
use futures::{StreamExt, stream};
use prost::Message;
use tonic::{Code, Request};
use tonic_types::StatusExt;
use tower::ServiceExt;

fn memory(content: &str) -> StoreRequest {
    to_store_request(&request::Store { content: content.into(), ..Default::default() })
}

async fn open() -> (Engine, Grpc) {
    let engine = Engine::open();
    let (door, _) = Grpc::with(&engine, &Settings::default()).await;
    (engine, door)
}

async fn counts(door: &Grpc) -> (u64, u64) {
    let stats = door.0.clone().stats(proto::StatsRequest::default()).await.unwrap().into_inner();
    (stats.memories, stats.sequence)
}

fn stored_or_error(outcome: proto::StoreOutcome) -> Result<proto::StoreResponse, ItemError> {
    match outcome.outcome.expect("an outcome") {
        store_outcome::Outcome::Stored(stored) => Ok(stored),
        store_outcome::Outcome::Error(error) => Err(error),
    }
}

#[tokio::test]
async fn a_memory_comes_back_as_it_was_told() {
    let (_engine, Grpc(mut client)) = open().await;
    let at = prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_456_000 };
    let told = StoreRequest {
        content: "[9 May] Ana: the exam went well".into(),
        context: Some("a chat".into()),
        source: Some("session 3".into()),
        confidence: Some(0.25),
        tags: vec!["exam".into()],
        importance: Some(0.5),
        kind: proto::Kind::Turn.into(),
        place: Some(proto::Place { sequence: "s3".into(), part: 4, parts: Some(9) }),
        occurred_at: Some(at),
        idempotency_key: Some("s3:4".into()),
    };
    let stored = client.store(told.clone()).await.unwrap().into_inner();
    assert!(stored.allocation.is_some());
    let get = proto::GetRequest { memory_id: stored.memory_id.clone(), at_least: Some(stored.sequence) };
    let memory = client.get(get).await.unwrap().into_inner().memory.unwrap();
    assert_eq!(memory.memory_id, stored.memory_id);
    assert_eq!(memory.content, told.content);
    assert_eq!((memory.context, memory.source), (told.context, told.source));
    assert_eq!((memory.confidence, memory.importance), (0.25, Some(0.5)));
    assert_eq!((memory.tags, memory.place, memory.occurred_at), (told.tags, told.place, Some(at)));
    assert_eq!((memory.kind, memory.version), (proto::Kind::Turn as i32, 1));
}

#[tokio::test]
async fn an_idempotency_key_stores_once() {
    let (_engine, door) = open().await;
    let keyed = StoreRequest { idempotency_key: Some("once".into()), ..memory("Said twice, kept once.") };
    let first = door.0.clone().store(keyed.clone()).await.unwrap().into_inner();
    let again = door.0.clone().store(keyed).await.unwrap().into_inner();
    assert!(!first.was_repeated && again.was_repeated);
    assert_eq!(again.memory_id, first.memory_id);
    assert_eq!(counts(&door).await.0, 1);
}

#[tokio::test]
async fn a_read_may_ask_for_a_write_it_knows_of() {
    let (_engine, Grpc(mut client)) = open().await;
    let stored = client.store(memory("Seen at once.")).await.unwrap().into_inner();
    let read = |at_least| RetrieveRequest {
        query: "seen at once".into(),
        threshold: Some(0.0),
        at_least: Some(at_least),
        ..Default::default()
    };
    let seen = client.retrieve(read(stored.sequence)).await.unwrap().into_inner();
    assert!(seen.sequence >= stored.sequence);
    assert_eq!(seen.memories.len(), 1);
    let ahead = client.retrieve(read(stored.sequence + 1_000)).await.unwrap_err();
    assert_eq!(ahead.code(), Code::Unavailable);
    assert!(ahead.message().starts_with("at_least: "), "{}", ahead.message());
}

#[tokio::test]
async fn a_bad_item_of_a_batch_fails_alone_and_in_its_place() {
    let (_engine, door) = open().await;
    let bad_time = prost_types::Timestamp { seconds: 0, nanos: -1 };
    let items = vec![
        memory("The first."),
        StoreRequest { kind: 77, ..memory("The second.") },
        memory(" "),
        StoreRequest { occurred_at: Some(bad_time), ..memory("The fourth.") },
        StoreRequest { confidence: Some(f32::NAN), ..memory("The fifth.") },
        memory("The sixth."),
    ];
    let answer = door.0.clone().store_batch(StoreBatchRequest { items }).await.unwrap().into_inner();
    let outcomes: Vec<_> = answer.outcomes.into_iter().map(stored_or_error).collect();
    let fields: Vec<_> =
        outcomes.iter().map(|outcome| outcome.as_ref().err().map(|error| error.field.as_deref())).collect();
    let expected = [
        None,
        Some(Some("kind")),
        Some(Some("content")),
        Some(Some("occurred_at")),
        Some(Some("confidence")),
        None,
    ];
    assert_eq!(fields, expected);
    assert!(outcomes.iter().flat_map(|outcome| outcome.as_ref().err()).all(|error| error.code == 3));
    assert_eq!(counts(&door).await.0, 2);
}

#[tokio::test]
async fn a_stream_answers_each_item_in_order() {
    let (_engine, door) = open().await;
    let items = (0..200).map(|number| StoreStreamRequest {
        item: match number % 50 {
            7 => Some(memory("")),
            8 => None,
            _ => Some(memory(&format!("Parcel {number} went to dock {}.", number % 7))),
        },
    });
    let answers = door.0.clone().store_stream(stream::iter(items)).await.unwrap().into_inner();
    let outcomes: Vec<_> =
        answers.map(|answer| stored_or_error(answer.unwrap().outcome.unwrap())).collect().await;
    assert_eq!(outcomes.len(), 200);
    let mut sequence = 0;
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match (number % 50, outcome) {
            (7, Err(error)) => assert_eq!(error.field.as_deref(), Some("content")),
            (8, Err(error)) => assert_eq!(error.field.as_deref(), Some("item")),
            (_, Ok(stored)) => {
                assert!(stored.sequence > sequence, "item {number} is out of order");
                sequence = stored.sequence;
            }
            (_, outcome) => panic!("item {number}: {outcome:?}"),
        }
    }
    assert_eq!(counts(&door).await, (192, sequence));
}

#[tokio::test]
async fn many_queries_get_one_answer_each_under_their_index() {
    let (_engine, door) = open().await;
    let items =
        (0..10).map(|number| memory(&format!("Keeper Quill{number} guards gate {number}."))).collect();
    door.0.clone().store_batch(StoreBatchRequest { items }).await.unwrap();
    let mut queries: Vec<_> = (0..10)
        .map(|number| RetrieveRequest {
            query: format!("Who is keeper Quill{number}?"),
            limit: Some(1),
            threshold: Some(0.0),
            ..Default::default()
        })
        .collect();
    queries[4].query = " ".into();
    let answers = door.0.clone().retrieve_many(RetrieveManyRequest { queries }).await.unwrap().into_inner();
    let mut answers: Vec<_> = answers.map(|answer| answer.unwrap()).collect().await;
    answers.sort_by_key(|answer| answer.index);
    assert_eq!(answers.iter().map(|answer| answer.index).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    for answer in answers {
        match answer.outcome.unwrap() {
            retrieve_many_response::Outcome::Error(error) => {
                assert_eq!((answer.index, error.field.as_deref()), (4, Some("query")));
            }
            retrieve_many_response::Outcome::Retrieved(retrieved) => {
                let found = &retrieved.memories[0].memory.as_ref().unwrap().content;
                assert!(found.contains(&format!("Quill{} ", answer.index)), "{}: {found}", answer.index);
            }
        }
    }
}

#[tokio::test]
async fn a_reader_that_stalls_holds_up_only_its_own_stream() {
    let (_engine, door) = open().await;
    let long = "The archive of the harbour keeps every letter. ".repeat(200);
    door.0.clone().store(memory(&long)).await.unwrap();
    let query =
        RetrieveRequest { query: "harbour archive".into(), threshold: Some(0.0), ..Default::default() };
    let queries = vec![query; 1_000];
    // 9 MB of answers, none of them read.
    let mut stalled =
        door.0.clone().retrieve_many(RetrieveManyRequest { queries }).await.unwrap().into_inner();
    assert!(stalled.next().await.unwrap().is_ok());
    for _ in 0..10 {
        door.0.clone().stats(proto::StatsRequest::default()).await.unwrap();
    }
    let stats = door.0.clone().stats(proto::StatsRequest::default()).await.unwrap().into_inner();
    let recalls = stats.performance.unwrap().retrieve.unwrap().count;
    assert!(recalls < 1_000, "{recalls} recalls were made for a reader that took one");
    // Reading on gets the rest.
    assert_eq!(stalled.filter(|answer| std::future::ready(answer.is_ok())).count().await, 999);
}

/// What protobuf can say and JSON cannot, or says otherwise: refused by field and rule, nothing changed.
#[tokio::test]
async fn bad_input_of_grpc_is_refused_and_changes_nothing() {
    let (_engine, door) = open().await;
    let before = counts(&door).await;
    let nan = f32::NAN;
    for (field, bad) in [
        ("confidence", StoreRequest { confidence: Some(nan), ..memory("x") }),
        ("importance", StoreRequest { importance: Some(f32::INFINITY), ..memory("x") }),
        ("kind", StoreRequest { kind: -1, ..memory("x") }),
        ("idempotency_key", StoreRequest { idempotency_key: Some("".into()), ..memory("x") }),
        ("sequence", StoreRequest { place: Some(proto::Place::default()), ..memory("x") }),
    ] {
        let refused = door.0.clone().store(bad).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert!(refused.message().starts_with(&format!("{field}: ")), "{}", refused.message());
        let details = refused.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, field);
    }
    let bad = RetrieveRequest { query: "x".into(), threshold: Some(nan), ..Default::default() };
    assert!(door.0.clone().retrieve(bad).await.unwrap_err().message().starts_with("threshold: "));
    let missing = proto::GetRequest { memory_id: "mdead".into(), at_least: None };
    assert_eq!(door.0.clone().get(missing).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(counts(&door).await, before);
}

#[tokio::test]
async fn batches_and_messages_have_a_largest_size() {
    let (_engine, door) = open().await;
    let before = counts(&door).await;
    let crowd = StoreBatchRequest { items: vec![memory("x"); 1_001] };
    let refused = door.0.clone().store_batch(crowd).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "items: must be at most 1000"));
    let swarm = StoreBatchRequest { items: vec![StoreRequest::default(); 20_000] };
    let refused = door.0.clone().store_batch(swarm).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("at most 10000 items"), "{}", refused.message());
    let heavy = memory(&"x".repeat(5 << 20));
    let refused = door.0.clone().store(heavy).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert!(refused.message().contains("4194304"), "{}", refused.message());
    let empty = door.0.clone().retrieve_many(RetrieveManyRequest::default()).await.unwrap_err();
    assert_eq!(empty.message(), "queries: must not be empty");
    assert_eq!(counts(&door).await, before);
}

/// A call straight into the routes, with the bytes and headers given; answers grpc-status and grpc-message.
async fn raw(engine: &Engine, message: &[u8], headers: &[(&str, &str)]) -> (i32, String) {
    let (routes, _) = grpc::routes(engine.handle.clone(), &Settings::default());
    let mut framed = vec![0];
    framed.extend((message.len() as u32).to_be_bytes());
    framed.extend(message);
    let mut request = axum::http::Request::post("/cortexkg.v1.Memory/Store")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(axum::body::Body::from(framed)).unwrap();
    let response = routes.prepare().into_axum_router().oneshot(request).await.unwrap();
    let header = |name: &str| {
        let value = response.headers().get(name).unwrap_or_else(|| panic!("no {name} in {response:?}"));
        value.to_str().unwrap().replace("%20", " ")
    };
    (header("grpc-status").parse().unwrap(), header("grpc-message"))
}

#[tokio::test]
async fn bytes_that_are_no_message_are_the_callers_fault() {
    let engine = Engine::open();
    let (code, message) = raw(&engine, &[0x0a, 0x02, 0xff, 0xfe], &[]).await;
    assert_eq!(code, Code::InvalidArgument as i32);
    assert!(message.contains("content") && message.contains("UTF-8"), "{message}");
    let (code, _) = raw(&engine, &[0x0a, 0xff, 0xff, 0xff], &[]).await;
    assert_eq!(code, Code::InvalidArgument as i32);
}

#[tokio::test]
async fn a_deadline_reaches_the_engine() {
    let engine = Engine::open();
    let message = memory("too late").encode_to_vec();
    let (code, text) = raw(&engine, &message, &[("grpc-timeout", "1n")]).await;
    assert_eq!(code, Code::DeadlineExceeded as i32);
    assert!(text.starts_with("deadline exceeded"), "{text}");
}

#[tokio::test]
async fn the_server_has_a_deadline_of_its_own() {
    let engine = Engine::open();
    let settings = Settings { request_timeout: Duration::ZERO, ..Settings::default() };
    let (Grpc(mut client), _) = Grpc::with(&engine, &settings).await;
    let mut patient = Request::new(memory("too late"));
    patient.set_timeout(Duration::from_secs(60));
    assert_eq!(client.store(patient).await.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let engine = Engine::with(|config| config.queue_rows_max = 1);
    let (Grpc(mut client), _) = Grpc::with(&engine, &Settings::default()).await;
    let filling = common::fill_queue(&engine);
    let refused = client.store(memory("no room")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let details = refused.get_error_details();
    assert!(details.retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    drop(filling);
}

#[tokio::test]
async fn health_follows_the_switch() {
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    let engine = Engine::open();
    let settings = Settings::default();
    let (routes, serving) = grpc::routes(engine.handle.clone(), &settings);
    let mut client = HealthClient::new(routes.prepare().into_axum_router());
    for (switch, expected) in [(true, 1), (false, 2), (true, 1)] {
        serving.set(switch).await;
        for service in ["", "cortexkg.v1.Memory"] {
            let request = HealthCheckRequest { service: service.into() };
            assert_eq!(client.check(request).await.unwrap().into_inner().status, expected, "{service:?}");
        }
    }
}

#[tokio::test]
async fn health_serves_before_anyone_switches_it() {
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    let engine = Engine::open();
    let (routes, _serving) = grpc::routes(engine.handle.clone(), &Settings::default());
    let mut client = HealthClient::new(routes.prepare().into_axum_router());
    for service in ["", "cortexkg.v1.Memory"] {
        let request = HealthCheckRequest { service: service.into() };
        assert_eq!(client.check(request).await.unwrap().into_inner().status, 1, "{service:?}");
    }
}

#[tokio::test]
async fn reflection_answers_in_both_versions() {
    let engine = Engine::open();
    let (routes, _) = grpc::routes(engine.handle.clone(), &Settings::default());
    let router = routes.prepare().into_axum_router();
    macro_rules! listed {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
            let ask = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::ListServices(String::new())),
            };
            let mut client = ServerReflectionClient::new(router.clone());
            let mut answers = client.server_reflection_info(stream::iter([ask])).await.unwrap().into_inner();
            match answers.next().await.unwrap().unwrap().message_response.unwrap() {
                MessageResponse::ListServicesResponse(list) => {
                    list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
                }
                other => panic!("{other:?}"),
            }
        }};
    }
    for services in [listed!(v1), listed!(v1alpha)] {
        assert!(services.contains(&"cortexkg.v1.Memory".to_owned()), "{services:?}");
        assert!(services.contains(&"grpc.health.v1.Health".to_owned()), "{services:?}");
    }
}
