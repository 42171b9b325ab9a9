//! Snapshots as releases of 2026 wrote them, format version 1: the arrays of the state as one positional postcard body.
//!
//! **Frozen**, as [`crate::record::v1`] is. What is derived is read past: this release makes it again.

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::{Content, WHAT};
use crate::Error;
use crate::ids::{ColumnId, MemoryId, Timestamp};
use crate::record::fields::wrong;
use crate::record::v1::{Kind, Learning, ModelTag, Place, Role, Vector};
use crate::state::columns::{self, ColumnState};
use crate::state::{graph, items};

#[derive(Deserialize)]
struct State {
    model: Option<ModelTag>,
    learning: Learning,
    items: Items,
    vectors: Vectors,
    _lexical: Lexical,
    entities: Entities,
    graph: Graph,
    columns: Columns,
    _owners: Vec<u32>,
    edges: u64,
    learned: u64,
    faded_at: Option<i64>,
    next_id: u64,
    unembedded: Vec<u32>,
}

#[derive(Deserialize)]
struct Item {
    id: u64,
    node: u32,
    content: Box<str>,
    context: Option<Box<str>>,
    source: Option<Box<str>>,
    tags: Box<[u32]>,
    place: Option<Place>,
    created_at: i64,
    updated_at: i64,
    occurred_at: Option<i64>,
    confidence: f32,
    importance: Option<f32>,
    column: u32,
    role: Role,
    version: u32,
    kind: Kind,
    alive: bool,
}

#[derive(Deserialize)]
struct Items {
    list: Vec<Item>,
    _by_id: FxHashMap<u64, u32>,
    _alive: Vec<u64>,
    _alive_len: u64,
    _text_bytes: u64,
    tag_names: Vec<Box<str>>,
    _tag_ix: FxHashMap<Box<str>, u32>,
    _by_tag: Vec<Vec<u32>>,
    _by_content: FxHashMap<u64, Vec<u32>>,
    _sequences: FxHashMap<Box<str>, Vec<(u32, u32)>>,
    keys: FxHashMap<Box<str>, u32>,
}

#[derive(Deserialize)]
struct Vectors {
    dim: usize,
    rows: Vector,
    sum: Vec<f64>,
    counted: u64,
}

#[derive(Deserialize)]
struct Lexical {
    _by_term: FxHashMap<Box<str>, u32>,
    _postings: Vec<(Vec<u32>, Vec<u8>)>,
    _lens: Vec<u16>,
    _len_sum: u64,
    _texts: u64,
}

#[derive(Deserialize)]
struct Entity {
    name: Box<str>,
    node: u32,
    is_subject: bool,
}

#[derive(Deserialize)]
struct Entities {
    list: Vec<Entity>,
    _by_hash: FxHashMap<u64, u32>,
    _starts: FxHashMap<u64, u8>,
}

#[derive(Deserialize)]
struct NodeRows {
    start: [u32; 2],
    len: [u32; 2],
}

#[derive(Deserialize)]
struct Edge {
    target: u32,
    packed: u32,
}

#[derive(Deserialize)]
struct Graph {
    nodes: Vec<NodeRows>,
    _room: Vec<[u32; 2]>,
    edges: Vec<Edge>,
    _wasted: usize,
}

#[derive(Deserialize)]
enum State1 {
    Available,
    Activated,
    Competing,
    Allocated,
    Refractory,
}

#[derive(Deserialize)]
struct Column {
    state: State1,
    members: u32,
    exceptions: u32,
}

#[derive(Deserialize)]
struct Columns {
    list: Vec<Column>,
    free: Vec<u32>,
}

/// Reads a body of version 1.
pub(super) fn read(body: &[u8]) -> Result<Content, Error> {
    let old: State = postcard::from_bytes(body).map_err(|error| wrong(WHAT, error))?;
    let (rows, edges) = old.graph.packed()?;
    let mut keys: Vec<(Box<str>, u32)> = old.items.keys.into_iter().collect();
    keys.sort_unstable_by(|left, right| (left.1, &left.0).cmp(&(right.1, &right.0)));
    Ok(Content {
        model: old.model.map(Into::into),
        learning: old.learning.into(),
        items: old.items.list.into_iter().map(Into::into).collect(),
        tag_names: old.items.tag_names,
        keys,
        dim: old.vectors.dim,
        vectors: old.vectors.rows.into(),
        vector_sum: old.vectors.sum,
        vectors_counted: old.vectors.counted,
        parts: Vec::new(),
        rows,
        edges,
        entities: old.entities.list.into_iter().map(|it| (it.name, it.node, it.is_subject)).collect(),
        columns: old.columns.list.into_iter().map(Into::into).collect(),
        columns_free: old.columns.free,
        edges_counted: old.edges,
        learned: old.learned,
        faded_at: old.faded_at.map(Timestamp),
        next_id: old.next_id,
        unembedded: old.unembedded,
        lexical: None,
    })
}

impl Graph {
    /// Rows one behind the other, without the room that was left between them.
    fn packed(&self) -> Result<(Vec<[u32; 2]>, Vec<graph::Edge>), Error> {
        let mut edges = Vec::with_capacity(self.edges.len());
        for node in &self.nodes {
            for (start, len) in node.start.into_iter().zip(node.len) {
                let row = self.edges.get(start as usize..).and_then(|edges| edges.get(..len as usize));
                let Some(row) = row else { return Err(wrong(WHAT, "a row lies outside the edges")) };
                edges.extend(row.iter().map(|&Edge { target, packed }| graph::Edge { target, packed }));
            }
        }
        Ok((self.nodes.iter().map(|node| node.len).collect(), edges))
    }
}

impl From<Item> for items::Item {
    fn from(old: Item) -> Self {
        items::Item {
            id: MemoryId(old.id),
            node: old.node,
            content: old.content,
            context: old.context,
            source: old.source,
            tags: old.tags,
            place: old.place.map(|place| Box::new(place.into())),
            created_at: Timestamp(old.created_at),
            updated_at: Timestamp(old.updated_at),
            occurred_at: old.occurred_at.map(Timestamp),
            confidence: old.confidence,
            importance: old.importance,
            column: ColumnId(old.column),
            role: old.role.into(),
            version: old.version,
            kind: old.kind.into(),
            alive: old.alive,
        }
    }
}

impl From<Column> for columns::Column {
    fn from(old: Column) -> Self {
        let state = match old.state {
            State1::Available => ColumnState::Available,
            State1::Activated => ColumnState::Activated,
            State1::Competing => ColumnState::Competing,
            State1::Allocated => ColumnState::Allocated,
            State1::Refractory => ColumnState::Refractory,
        };
        columns::Column { state, members: old.members, exceptions: old.exceptions }
    }
}
