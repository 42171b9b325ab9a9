//! The Memory service: each method decodes, calls, encodes.

use std::pin::Pin;
use std::time::Instant;

use cortexkg_engine::request;
use futures::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::proto::memory_server::Memory;
use super::{deadline, proto, stream};
use crate::call::{Caller, answer, call};
use crate::ids::memory_id;

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// See the module.
pub(super) struct MemoryService {
    caller: Caller,
    in_flight_max: usize,
}

impl MemoryService {
    pub(super) fn new(caller: Caller, in_flight_max: usize) -> Self {
        MemoryService { caller, in_flight_max: in_flight_max.max(1) }
    }

    fn deadline<T>(&self, request: &Request<T>) -> Instant {
        self.caller.deadline(deadline::allowed(request.metadata()))
    }
}

#[tonic::async_trait]
impl Memory for MemoryService {
    type StoreStreamStream = Answers<proto::StoreStreamResponse>;
    type RetrieveManyStream = Answers<proto::RetrieveManyResponse>;

    async fn store(&self, request: Request<proto::StoreRequest>) -> Answer<proto::StoreResponse> {
        let deadline = self.deadline(&request);
        let store = request::Store::try_from(request.into_inner())?;
        let stored = answer(self.caller.engine.store(store, call(deadline, None)), deadline).await?;
        Ok(Response::new(stored.into()))
    }

    async fn retrieve(&self, request: Request<proto::RetrieveRequest>) -> Answer<proto::RetrieveResponse> {
        let deadline = self.deadline(&request);
        let at_least = request.get_ref().at_least;
        let retrieve = request::Retrieve::try_from(request.into_inner())?;
        let retrieved =
            answer(self.caller.engine.retrieve(retrieve, call(deadline, at_least)), deadline).await?;
        Ok(Response::new(retrieved.into()))
    }

    async fn get(&self, request: Request<proto::GetRequest>) -> Answer<proto::GetResponse> {
        let deadline = self.deadline(&request);
        let id = memory_id(&request.get_ref().memory_id)?;
        let at_least = request.get_ref().at_least;
        let memory = answer(self.caller.engine.get(id, call(deadline, at_least)), deadline).await?;
        Ok(Response::new(proto::GetResponse { memory: Some(memory.into()) }))
    }

    async fn update(&self, request: Request<proto::UpdateRequest>) -> Answer<proto::UpdateResponse> {
        let deadline = self.deadline(&request);
        let at_least = request.get_ref().at_least;
        let update = request::Update::try_from(request.into_inner())?;
        let updated = answer(self.caller.engine.update(update, call(deadline, at_least)), deadline).await?;
        Ok(Response::new(updated.into()))
    }

    async fn delete(&self, request: Request<proto::DeleteRequest>) -> Answer<proto::DeleteResponse> {
        let deadline = self.deadline(&request);
        let at_least = request.get_ref().at_least;
        let delete = request::Delete::try_from(request.into_inner())?;
        let deleted = answer(self.caller.engine.delete(delete, call(deadline, at_least)), deadline).await?;
        Ok(Response::new(deleted.into()))
    }

    async fn stats(&self, request: Request<proto::StatsRequest>) -> Answer<proto::StatsResponse> {
        let deadline = self.deadline(&request);
        let at_least = request.get_ref().at_least;
        let query = request::StatsQuery::try_from(request.into_inner())?;
        let statistics = answer(self.caller.engine.stats(query, call(deadline, at_least)), deadline).await?;
        Ok(Response::new(statistics.into()))
    }

    async fn analyze(&self, request: Request<proto::AnalyzeRequest>) -> Answer<proto::AnalyzeResponse> {
        let deadline = self.deadline(&request);
        let (at_least, analysis_type) = (request.get_ref().at_least, request.get_ref().analysis_type);
        let analyze = request::Analyze::try_from(request.into_inner())?;
        let analyzed =
            answer(self.caller.engine.analyze(analyze, call(deadline, at_least)), deadline).await?;
        Ok(Response::new(proto::AnalyzeResponse { analysis_type, ..analyzed.into() }))
    }

    async fn configure_learning(
        &self,
        request: Request<proto::ConfigureLearningRequest>,
    ) -> Answer<proto::ConfigureLearningResponse> {
        let deadline = self.deadline(&request);
        let at_least = request.get_ref().at_least;
        let configure = request::ConfigureLearning::try_from(request.into_inner())?;
        let ticket = self.caller.engine.configure_learning(configure, call(deadline, at_least));
        Ok(Response::new(answer(ticket, deadline).await?.into()))
    }

    async fn store_batch(
        &self,
        request: Request<proto::StoreBatchRequest>,
    ) -> Answer<proto::StoreBatchResponse> {
        let deadline = self.deadline(&request);
        let outcomes = stream::store_batch(&self.caller, request.into_inner().items, deadline).await?;
        Ok(Response::new(proto::StoreBatchResponse { outcomes }))
    }

    async fn store_stream(
        &self,
        request: Request<Streaming<proto::StoreStreamRequest>>,
    ) -> Answer<Self::StoreStreamStream> {
        let ends = deadline::allowed(request.metadata()).map(|allowed| Instant::now() + allowed);
        let answers =
            stream::store_stream(self.caller.clone(), request.into_inner(), self.in_flight_max, ends);
        Ok(Response::new(Box::pin(answers)))
    }

    async fn retrieve_many(
        &self,
        request: Request<proto::RetrieveManyRequest>,
    ) -> Answer<Self::RetrieveManyStream> {
        let deadline = self.deadline(&request);
        let queries = request.into_inner().queries;
        let answers = stream::retrieve_many(self.caller.clone(), queries, self.in_flight_max, deadline)?;
        Ok(Response::new(Box::pin(answers)))
    }
}
