//! Calls of many rows. A bad row fails alone; what is in flight is bounded.
//!
//! Answers are pulled: nothing more is read, called or buffered than the reader makes room for, so a client that stops
//! reading holds up its own stream and no other. No task and no channel of its own is needed for that.

use std::time::Instant;

use cortexkg_engine::{answer, request};
use futures::{Stream, StreamExt, stream};
use tonic::{Status, Streaming};

use super::proto;
use crate::Error;
use crate::call::{Caller, answer, call};

/// Most rows of one batch: of items, or of queries.
const ROWS_MAX: usize = 1_000;

/// Stores many memories in one call of the engine; outcomes in the order of the items.
pub(super) async fn store_batch(
    caller: &Caller,
    items: Vec<proto::StoreRequest>,
    deadline: Instant,
) -> Result<Vec<proto::StoreOutcome>, Error> {
    check_rows("items", items.len())?;
    let mut untranslatable = Vec::new();
    let mut stores = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match request::Store::try_from(item) {
            Ok(store) => stores.push(store),
            Err(error) => untranslatable.push((index, error)),
        }
    }
    let asked = stores.len();
    let answered = answer(caller.engine.store_batch(stores, call(deadline, None)), deadline).await?;
    assert_eq!(answered.len(), asked, "one answer a row; this is a bug");
    let mut outcomes: Vec<_> = answered.into_iter().map(|outcome| outcome.map_err(Error::from)).collect();
    // In rising order, so each lands where it was.
    for (index, error) in untranslatable {
        outcomes.insert(index, Err(error));
    }
    Ok(outcomes.into_iter().map(Into::into).collect())
}

/// Stores items as they come and answers in their order. Each item has the server's time limit, and none is worked on
/// beyond `ends`, when the caller's own deadline has closed the stream.
pub(super) fn store_stream(
    caller: Caller,
    items: Streaming<proto::StoreStreamRequest>,
    in_flight_max: usize,
    ends: Option<Instant>,
) -> impl Stream<Item = Result<proto::StoreStreamResponse, Status>> + Send {
    items
        .map(move |item| {
            let caller = caller.clone();
            async move {
                let outcome = store_one(&caller, item?.item, ends).await;
                Ok(proto::StoreStreamResponse { outcome: Some(outcome.into()) })
            }
        })
        .buffered(in_flight_max)
}

async fn store_one(
    caller: &Caller,
    item: Option<proto::StoreRequest>,
    ends: Option<Instant>,
) -> Result<answer::Stored, Error> {
    let item = item.ok_or_else(|| Error::field("item", "is required"))?;
    let own = caller.deadline(None);
    let deadline = ends.map_or(own, |ends| ends.min(own));
    let store = request::Store::try_from(item)?;
    answer(caller.engine.store(store, call(deadline, None)), deadline).await
}

/// Answers queries as they are ready.
pub(super) fn retrieve_many(
    caller: Caller,
    queries: Vec<proto::RetrieveRequest>,
    in_flight_max: usize,
    deadline: Instant,
) -> Result<impl Stream<Item = Result<proto::RetrieveManyResponse, Status>> + Send, Error> {
    check_rows("queries", queries.len())?;
    let answers = stream::iter(queries.into_iter().enumerate())
        .map(move |(index, query)| {
            let caller = caller.clone();
            async move {
                let outcome = match retrieve_one(&caller, query, deadline).await {
                    Ok(retrieved) => proto::retrieve_many_response::Outcome::Retrieved(retrieved.into()),
                    Err(error) => proto::retrieve_many_response::Outcome::Error(error.into()),
                };
                Ok(proto::RetrieveManyResponse { index: index as u32, outcome: Some(outcome) })
            }
        })
        .buffer_unordered(in_flight_max);
    Ok(answers)
}

async fn retrieve_one(
    caller: &Caller,
    query: proto::RetrieveRequest,
    deadline: Instant,
) -> Result<answer::Retrieved, Error> {
    let at_least = query.at_least;
    let retrieve = request::Retrieve::try_from(query)?;
    answer(caller.engine.retrieve(retrieve, call(deadline, at_least)), deadline).await
}

fn check_rows(field: &str, rows: usize) -> Result<(), Error> {
    match rows {
        0 => Err(Error::field(field, "must not be empty")),
        1..=ROWS_MAX => Ok(()),
        _ => Err(Error::field(field, format!("must be at most {ROWS_MAX}"))),
    }
}
