//! One vocabulary for all doors: requests of the domain in, the facts that every door tells out. A refusal is its text,
//! which begins with the field at fault and is the same at each door.

use std::time::Duration;

use axum::Router;
use cortexkg_engine::request::Analysis;
use cortexkg_engine::{MemoryId, request};
use cortexkg_rpc::grpc::proto;
use cortexkg_rpc::grpc::proto::memory_client::MemoryClient;
use cortexkg_rpc::{Settings, grpc, mcp};
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService, ServiceExt};
use serde_json::{Map, Value, json};
use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;

use super::{Engine, http};

#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub id: MemoryId,
    pub sequence: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    pub id: MemoryId,
    pub content: String,
    pub tags: Vec<String>,
    pub score: f64,
    pub steps: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    pub memories: u64,
    pub sequence: u64,
    pub learning_rate: f64,
    pub has_performance: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Analyzed {
    /// Memories in scope.
    pub memories: u64,
    /// What this analysis alone tells: mean path, highest betweenness, modularity, efficiency, median weight of mentions, score.
    pub figure: f64,
}

/// What a scenario may do. Each door is told in its own words.
#[allow(async_fn_in_trait, reason = "tests run on one thread")]
pub trait Door: Sized {
    async fn open(engine: &Engine) -> Self;
    async fn store(&self, request: &request::Store) -> Result<Stored, String>;
    async fn retrieve(&self, request: &request::Retrieve) -> Result<Vec<Recalled>, String>;
    /// Names of the fields that changed.
    async fn update(&self, request: &request::Update) -> Result<Vec<String>, String>;
    async fn delete(&self, request: &request::Delete) -> Result<MemoryId, String>;
    async fn analyze(&self, request: &request::Analyze) -> Result<Analyzed, String>;
    async fn stats(&self, request: &request::StatsQuery) -> Result<Counts, String>;
    /// Names of the parameters that changed.
    async fn configure(&self, request: &request::ConfigureLearning) -> Result<Vec<String>, String>;
}

// ---- MCP ----

/// How a tool call reaches the server.
#[allow(async_fn_in_trait, reason = "tests run on one thread")]
pub trait Tools: Sized {
    async fn connect(engine: &Engine) -> Self;
    /// `structuredContent`, or the text of a result that says `isError`.
    async fn call_tool(&self, tool: &str, arguments: Value) -> Result<Value, String>;
}

/// Revision 2026-07-28 over HTTP.
pub struct ModernHttp(Router);

impl Tools for ModernHttp {
    async fn connect(engine: &Engine) -> Self {
        ModernHttp(http::router(engine, &Settings::default()))
    }

    async fn call_tool(&self, tool: &str, arguments: Value) -> Result<Value, String> {
        let message = http::call(&self.0, tool, arguments).await.message();
        outcome(&message["result"])
    }
}

/// The client of rmcp over a pair of byte streams, which opens a session with `initialize`.
pub struct LegacyLines(RunningService<RoleClient, ()>);

impl Tools for LegacyLines {
    async fn connect(engine: &Engine) -> Self {
        let (client, server) = tokio::io::duplex(1 << 16);
        let (reader, writer) = tokio::io::split(server);
        let handle = engine.handle.clone();
        tokio::spawn(async move {
            mcp::serve_lines(handle, &Settings::default(), reader, writer).await.expect("a served session");
        });
        LegacyLines(().serve(client).await.expect("an initialized session"))
    }

    async fn call_tool(&self, tool: &str, arguments: Value) -> Result<Value, String> {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let result = self.0.call_tool(params).await.expect("a result");
        outcome(&serde_json::to_value(result).expect("a result as JSON"))
    }
}

fn outcome(result: &Value) -> Result<Value, String> {
    let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {result}"));
    if result["isError"] == true {
        return Err(text.to_owned());
    }
    let envelope = &result["structuredContent"];
    assert_eq!(&serde_json::from_str::<Value>(text).expect("the text copy is JSON"), envelope);
    assert_eq!(envelope["processing_metadata"]["success"], true);
    Ok(envelope["result"].clone())
}

impl<T: Tools> Door for T {
    async fn open(engine: &Engine) -> Self {
        Self::connect(engine).await
    }

    async fn store(&self, request: &request::Store) -> Result<Stored, String> {
        let arguments = arguments([
            ("content", json!(request.content)),
            ("context", json!(request.context)),
            ("source", json!(request.source)),
            ("confidence", json!(request.confidence)),
            ("tags", json!(request.tags)),
            ("importance", json!(request.importance)),
        ]);
        let result = self.call_tool("store_memory", arguments).await?;
        Ok(Stored { id: id_of(&result), sequence: number(&result["storage_metadata"]["sequence"]) })
    }

    async fn retrieve(&self, request: &request::Retrieve) -> Result<Vec<Recalled>, String> {
        let arguments = arguments([
            ("query", json!(request.query)),
            ("limit", json!(request.limit)),
            ("threshold", json!(request.threshold)),
            ("include_reasoning", json!(request.include_reasoning)),
            ("tag_filter", json!(request.tag_filter)),
            ("time_range", range_of(&request.time_range)),
            ("strategy", json!(format!("{:?}", request.strategy))),
        ]);
        let result = self.call_tool("retrieve_memory", arguments).await?;
        let memories = result["memories"].as_array().expect("memories");
        assert_eq!(result["similarity_scores"].as_array().expect("scores").len(), memories.len());
        let recalled = memories.iter().map(|memory| Recalled {
            id: id_of(memory),
            content: memory["content"].as_str().expect("content").to_owned(),
            tags: strings(&memory["tags"]),
            score: memory["similarity_score"].as_f64().expect("a score"),
            steps: memory["retrieval_path"].as_array().map_or(0, Vec::len),
        });
        Ok(recalled.collect())
    }

    async fn update(&self, request: &request::Update) -> Result<Vec<String>, String> {
        let arguments = arguments([
            ("memory_id", json!(request.id.to_string())),
            ("new_content", json!(request.content)),
            ("new_context", json!(request.context)),
            ("new_confidence", json!(request.confidence)),
            ("add_tags", json!(request.add_tags)),
            ("remove_tags", json!(request.remove_tags)),
            ("new_importance", json!(request.importance)),
            ("plasticity_mode", json!(format!("{:?}", request.plasticity_mode))),
        ]);
        let result = self.call_tool("update_memory", arguments).await?;
        let changes = names(&result["changes_applied"], "field_name");
        assert_eq!(result["update_successful"], !changes.is_empty());
        Ok(changes)
    }

    async fn delete(&self, request: &request::Delete) -> Result<MemoryId, String> {
        let arguments = arguments([
            ("memory_id", json!(request.id.to_string())),
            ("force_delete", json!(request.force)),
            ("cleanup_mode", json!(format!("{:?}", request.cleanup))),
        ]);
        let result = self.call_tool("delete_memory", arguments).await?;
        assert_eq!(result["deletion_successful"], true);
        Ok(id_of(&result))
    }

    async fn analyze(&self, request: &request::Analyze) -> Result<Analyzed, String> {
        let ids: Vec<_> = request.memory_ids.iter().map(MemoryId::to_string).collect();
        let arguments = arguments([
            ("analysis_type", json!(format!("{:?}", request.analysis))),
            ("memory_ids", json!(ids)),
            ("include_pathways", json!(request.include_pathways)),
            ("max_depth", json!(request.max_depth)),
        ]);
        let result = self.call_tool("analyze_memory_graph", arguments).await?;
        assert_eq!(result["analysis_type"], format!("{:?}", request.analysis));
        let figure = match request.analysis {
            Analysis::Connectivity => &result["graph_metrics"]["average_path_length"]["mean"],
            Analysis::Centrality => &result["centrality"]["betweenness"]["top"][0]["value"],
            Analysis::Clustering => &result["communities"]["modularity"],
            Analysis::PathwayEfficiency => &result["graph_metrics"]["path_efficiency"]["mean"],
            Analysis::SynapticStrength => &result["synapses"]["weights"][0]["median"],
            Analysis::MemoryIntegrity => &result["graph_metrics"]["integrity_score"],
        };
        let figure = figure.as_f64().unwrap_or_else(|| panic!("no figure in {result}"));
        Ok(Analyzed { memories: number(&result["graph_metrics"]["memories"]), figure })
    }

    async fn stats(&self, request: &request::StatsQuery) -> Result<Counts, String> {
        let arguments = arguments([
            ("detailed_breakdown", json!(request.detailed_breakdown)),
            ("time_range", range_of(&request.time_range)),
            ("include_performance", json!(request.include_performance)),
        ]);
        let result = self.call_tool("get_memory_stats", arguments).await?;
        Ok(Counts {
            memories: number(&result["system_overview"]["total_memories"]),
            sequence: number(&result["sequence"]),
            learning_rate: result["learning"]["learning_rate"].as_f64().expect("a rate"),
            has_performance: !result["performance_metrics"].is_null(),
        })
    }

    async fn configure(&self, request: &request::ConfigureLearning) -> Result<Vec<String>, String> {
        let mode = request.learning_mode.map(|mode| match mode {
            request::LearningMode::Stdp => "STDP".to_owned(),
            other => format!("{other:?}"),
        });
        let arguments = arguments([
            ("learning_rate", json!(request.learning_rate)),
            ("decay_rate", json!(request.decay_rate)),
            ("activation_threshold", json!(request.activation_threshold)),
            ("learning_mode", json!(mode)),
            ("plasticity_window_ms", json!(request.plasticity_window_ms)),
        ]);
        let result = self.call_tool("configure_learning", arguments).await?;
        Ok(names(&result["updated_parameters"], "parameter_name"))
    }
}

/// Without what is absent.
fn arguments<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let present = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn range_of(range: &Option<request::TimeRange>) -> Value {
    let text = |at: cortexkg_engine::Timestamp| {
        let instant = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000).unwrap();
        instant.format(&time::format_description::well_known::Rfc3339).unwrap()
    };
    range.map_or(Value::Null, |range| {
        arguments([("start", json!(range.start.map(text))), ("end", json!(range.end.map(text)))])
    })
}

fn id_of(result: &Value) -> MemoryId {
    result["memory_id"].as_str().expect("memory_id").parse().expect("an id")
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn strings(value: &Value) -> Vec<String> {
    let strings = value.as_array().into_iter().flatten();
    strings.map(|text| text.as_str().expect("a string").to_owned()).collect()
}

fn names(list: &Value, field: &str) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|entry| entry[field].as_str().expect("a name").to_owned()).collect()
}

// ---- gRPC ----

/// A client over loopback.
pub struct Grpc(pub MemoryClient<Channel>);

impl Grpc {
    pub async fn with(engine: &Engine, settings: &Settings) -> (Grpc, grpc::Serving) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (routes, serving) = grpc::routes(engine.handle.clone(), settings);
        tokio::spawn(grpc::server().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener)));
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("an endpoint");
        let channel =
            endpoint.connect_timeout(Duration::from_secs(30)).connect().await.expect("a connection");
        (Grpc(MemoryClient::new(channel).max_decoding_message_size(16 << 20)), serving)
    }
}

fn refused(status: tonic::Status) -> String {
    status.message().to_owned()
}

pub fn to_store_request(request: &request::Store) -> proto::StoreRequest {
    proto::StoreRequest {
        content: request.content.clone(),
        context: request.context.clone(),
        source: request.source.clone(),
        confidence: request.confidence,
        tags: request.tags.clone(),
        importance: request.importance,
        idempotency_key: request.idempotency_key.clone(),
        ..Default::default()
    }
}

fn to_range(range: request::TimeRange) -> proto::TimeRange {
    let stamp = |at: cortexkg_engine::Timestamp| prost_types::Timestamp {
        seconds: at.0.div_euclid(1_000_000),
        nanos: (at.0.rem_euclid(1_000_000) * 1_000) as i32,
    };
    proto::TimeRange { start: range.start.map(stamp), end: range.end.map(stamp) }
}

/// The value of a proto enum whose name ends like the domain's: `HybridApproach` and `STRATEGY_HYBRID_APPROACH`.
fn named<E: Into<i32>>(prefix: &str, name: &str, from: fn(&str) -> Option<E>) -> i32 {
    let mut wire = prefix.to_owned();
    for letter in name.chars() {
        if letter.is_uppercase() {
            wire.push('_');
        }
        wire.push(letter.to_ascii_uppercase());
    }
    from(&wire).unwrap_or_else(|| panic!("{wire} is not in the proto")).into()
}

impl Door for Grpc {
    async fn open(engine: &Engine) -> Self {
        Grpc::with(engine, &Settings::default()).await.0
    }

    async fn store(&self, request: &request::Store) -> Result<Stored, String> {
        let stored = self.0.clone().store(to_store_request(request)).await.map_err(refused)?.into_inner();
        Ok(Stored { id: stored.memory_id.parse().expect("an id"), sequence: stored.sequence })
    }

    async fn retrieve(&self, request: &request::Retrieve) -> Result<Vec<Recalled>, String> {
        let message = proto::RetrieveRequest {
            query: request.query.clone(),
            limit: Some(request.limit),
            threshold: request.threshold,
            include_reasoning: request.include_reasoning,
            tag_filter: request.tag_filter.clone(),
            time_range: request.time_range.map(to_range),
            strategy: named("STRATEGY", &format!("{:?}", request.strategy), proto::Strategy::from_str_name),
            at_least: None,
        };
        let answer = self.0.clone().retrieve(message).await.map_err(refused)?.into_inner();
        let recalled = answer.memories.into_iter().map(|recalled| {
            let memory = recalled.memory.expect("a memory");
            Recalled {
                id: memory.memory_id.parse().expect("an id"),
                content: memory.content,
                tags: memory.tags,
                score: f64::from(recalled.score),
                steps: recalled.path.len(),
            }
        });
        Ok(recalled.collect())
    }

    async fn update(&self, request: &request::Update) -> Result<Vec<String>, String> {
        let mode = format!("{:?}", request.plasticity_mode);
        let message = proto::UpdateRequest {
            memory_id: request.id.to_string(),
            new_content: request.content.clone(),
            new_context: request.context.clone(),
            new_confidence: request.confidence,
            add_tags: request.add_tags.clone(),
            remove_tags: request.remove_tags.clone(),
            new_importance: request.importance,
            plasticity_mode: named("PLASTICITY_MODE", &mode, proto::PlasticityMode::from_str_name),
            at_least: None,
        };
        let answer = self.0.clone().update(message).await.map_err(refused)?.into_inner();
        Ok(answer.changes_applied.into_iter().map(|change| change.field_name).collect())
    }

    async fn delete(&self, request: &request::Delete) -> Result<MemoryId, String> {
        let mode = format!("{:?}", request.cleanup);
        let message = proto::DeleteRequest {
            memory_id: request.id.to_string(),
            force_delete: request.force,
            cleanup_mode: named("CLEANUP_MODE", &mode, proto::CleanupMode::from_str_name),
            at_least: None,
        };
        let answer = self.0.clone().delete(message).await.map_err(refused)?.into_inner();
        Ok(answer.memory_id.parse().expect("an id"))
    }

    async fn analyze(&self, request: &request::Analyze) -> Result<Analyzed, String> {
        let analysis = format!("{:?}", request.analysis);
        let message = proto::AnalyzeRequest {
            analysis_type: named("ANALYSIS_TYPE", &analysis, proto::AnalysisType::from_str_name),
            memory_ids: request.memory_ids.iter().map(MemoryId::to_string).collect(),
            include_pathways: request.include_pathways,
            max_depth: Some(request.max_depth),
            at_least: None,
        };
        let asked = message.analysis_type;
        let answer = self.0.clone().analyze(message).await.map_err(refused)?.into_inner();
        assert_eq!(answer.analysis_type, asked);
        let figure = match request.analysis {
            Analysis::Connectivity => answer.path_length.map(|sampled| sampled.mean),
            Analysis::Centrality => {
                answer.centrality.and_then(|found| Some(found.betweenness?.top.first()?.value))
            }
            Analysis::Clustering => answer.communities.and_then(|found| found.modularity),
            Analysis::PathwayEfficiency => answer.efficiency.map(|sampled| sampled.mean),
            Analysis::SynapticStrength => answer.weights.first().map(|weights| weights.median),
            Analysis::MemoryIntegrity => answer.integrity_score,
        };
        Ok(Analyzed { memories: answer.memories, figure: figure.expect("a figure") })
    }

    async fn stats(&self, request: &request::StatsQuery) -> Result<Counts, String> {
        let message = proto::StatsRequest {
            detailed_breakdown: request.detailed_breakdown,
            time_range: request.time_range.map(to_range),
            include_performance: Some(request.include_performance),
            at_least: None,
        };
        let answer = self.0.clone().stats(message).await.map_err(refused)?.into_inner();
        Ok(Counts {
            memories: answer.memories,
            sequence: answer.sequence,
            learning_rate: f64::from(answer.learning.expect("learning").learning_rate),
            has_performance: answer.performance.is_some(),
        })
    }

    async fn configure(&self, request: &request::ConfigureLearning) -> Result<Vec<String>, String> {
        let mode = request
            .learning_mode
            .map(|mode| named("LEARNING_MODE", &format!("{mode:?}"), proto::LearningMode::from_str_name));
        let message = proto::ConfigureLearningRequest {
            learning_rate: request.learning_rate,
            decay_rate: request.decay_rate,
            activation_threshold: request.activation_threshold,
            learning_mode: mode.unwrap_or_default(),
            plasticity_window_ms: request.plasticity_window_ms,
            at_least: None,
        };
        let answer = self.0.clone().configure_learning(message).await.map_err(refused)?.into_inner();
        Ok(answer.updated_parameters.into_iter().map(|change| change.field_name).collect())
    }
}
