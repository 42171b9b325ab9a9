//! What answers MCP requests, whichever transport they came by.

use std::sync::Arc;
use std::time::Instant;

use cortexkg_engine::{EngineHandle, request};
use rmcp::ErrorData;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, ConstString, ContentBlock, CustomRequest, CustomResult, ErrorCode,
    Implementation, JsonObject, ListPromptsRequestMethod, ListPromptsResult,
    ListResourceTemplatesRequestMethod, ListResourceTemplatesResult, ListResourcesRequestMethod,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{arguments, results, schema, tools};
use crate::call::{Caller, answer, call};
use crate::{Error, Settings, status, times};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const INSTRUCTIONS: &str = "Long-term memory. Recall with retrieve_memory before answering from earlier conversations; \
store durable facts, decisions and preferences with store_memory, one self-contained fact each.";
/// The list of tools is the same until the next release.
const TOOLS_TTL_MS: u64 = 3_600_000;

/// See the module. Cheap to clone: a stateless request has one of its own.
#[derive(Clone)]
pub(super) struct Handler {
    caller: Arc<Caller>,
}

impl Handler {
    pub(super) fn new(engine: EngineHandle, settings: &Settings) -> Self {
        Handler { caller: Arc::new(Caller::new(engine, settings)) }
    }

    async fn run(&self, tool: &Tool, arguments: JsonObject, reply: Reply) -> Result<CallToolResult, Error> {
        let deadline = self.caller.deadline(None);
        let engine = &self.caller.engine;
        match tool.name.as_ref() {
            "store_memory" => {
                let store: arguments::StoreMemory = read(tool, arguments)?;
                let stored = answer(engine.store(store.try_into()?, call(deadline, None)), deadline).await?;
                Ok(reply.with(results::Stored::from(stored)))
            }
            "retrieve_memory" => {
                let retrieve: arguments::RetrieveMemory = read(tool, arguments)?;
                let ticket = engine.retrieve(retrieve.try_into()?, call(deadline, None));
                Ok(reply.with(results::Retrieved::from(answer(ticket, deadline).await?)))
            }
            "update_memory" => {
                let update: arguments::UpdateMemory = read(tool, arguments)?;
                let ticket = engine.update(update.try_into()?, call(deadline, None));
                Ok(reply.with(results::Updated::from(answer(ticket, deadline).await?)))
            }
            "delete_memory" => {
                let delete: arguments::DeleteMemory = read(tool, arguments)?;
                let ticket = engine.delete(delete.try_into()?, call(deadline, None));
                Ok(reply.with(results::Deleted::from(answer(ticket, deadline).await?)))
            }
            "analyze_memory_graph" => {
                let analyze: arguments::AnalyzeMemoryGraph = read(tool, arguments)?;
                let analyze = request::Analyze::try_from(analyze)?;
                let analysis = analyze.analysis;
                let analyzed = answer(engine.analyze(analyze, call(deadline, None)), deadline).await?;
                Ok(reply.with(results::Analyzed::of(analysis, analyzed)))
            }
            "get_memory_stats" => {
                let stats: arguments::GetMemoryStats = read(tool, arguments)?;
                let ticket = engine.stats(stats.try_into()?, call(deadline, None));
                Ok(reply.with(results::Stats::from(answer(ticket, deadline).await?)))
            }
            "configure_learning" => {
                let configure: arguments::ConfigureLearning = read(tool, arguments)?;
                let ticket = engine.configure_learning(configure.into(), call(deadline, None));
                Ok(reply.with(results::Configured::from(answer(ticket, deadline).await?)))
            }
            other => unreachable!("{other} is listed but not served; this is a bug"),
        }
    }
}

fn read<T: DeserializeOwned>(tool: &Tool, arguments: JsonObject) -> Result<T, Error> {
    schema::read(&tool.name, &tool.input_schema, arguments)
}

/// The envelope that waits for a result.
struct Reply {
    request_id: String,
    started: Instant,
}

impl Reply {
    /// The result as text, for clients that read only that, and as structure. The structure is read from the text: that
    /// way single-precision numbers keep their short form (0.3, not 0.30000001192092896) in both.
    fn with(self, result: impl Serialize) -> CallToolResult {
        let envelope = results::Envelope {
            request_id: self.request_id,
            result,
            processing_metadata: results::Processing {
                processing_time_ms: self.started.elapsed().as_micros() as f64 / 1e3,
                timestamp: times::now_rfc3339(),
                server_version: VERSION,
                success: true,
            },
        };
        let text = serde_json::to_string(&envelope).expect("results have string keys; this is a bug");
        let structure = serde_json::from_str(&text).expect("what was just written reads back; this is a bug");
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = Some(structure);
        result
    }
}

/// An error as text that a model can act on; our own failures are protocol errors.
fn failed(error: &Error) -> Result<CallToolResult, ErrorData> {
    match status::codes(error.kind()).json_rpc {
        None => Ok(CallToolResult::error(vec![ContentBlock::text(error.to_string())])),
        Some(code) => Err(ErrorData::new(ErrorCode(code), error.to_string(), None)),
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("cortexkg", VERSION))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::TOOLS.clone())
            .with_ttl_ms(TOOLS_TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::named(name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let reply = Reply { request_id: context.id.to_string(), started: Instant::now() };
        let Some(tool) = tools::named(&request.name) else {
            return Err(ErrorData::invalid_params(format!("unknown tool: {}", request.name), None));
        };
        // Withdrawn by notifications/cancelled or by hanging up: dropping the call withdraws it from the queue.
        let outcome = tokio::select! {
            outcome = self.run(tool, request.arguments.unwrap_or_default(), reply) => outcome,
            () = context.ct.cancelled() => Err(Error::Withdrawn),
        };
        outcome.or_else(|error| failed(&error)).map(Into::into)
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>())
    }

    async fn complete(
        &self,
        _request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }

    /// A known method lands here when its parameters have another shape than the protocol's.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method == rmcp::model::CallToolRequestMethod::VALUE {
            let rule = "params: must have name (a string) and may have arguments (an object)";
            return Err(ErrorData::invalid_params(rule, None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None))
    }
}
