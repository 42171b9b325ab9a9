//! The whole state as bytes, so that a start need not fold the whole log.
//!
//! A version byte and a body. What an older release wrote is read for ever; what is derived from other parts of the state is
//! made again rather than read, wherever that is cheap or the two releases may differ in how they derive it.

mod sections;
mod v1;
mod v2;

use cortexkg_compute::collect_in_parallel;

use super::columns::{Column, Columns};
use super::entities::Entities;
use super::graph::{Edge, Graph};
use super::items::{Item, Items};
use super::lexical::Lexical;
use super::parts::AllParts;
use super::vectors::Vectors;
use super::{ENTITY_BIT, State, content_hash, searchable};
use crate::Error;
use crate::answer::Learning;
use crate::ids::Timestamp;
use crate::record::fields::wrong;
use crate::record::{ModelTag, Part, Vector};
use crate::text::terms::index_terms;

/// Format version written today.
const VERSION: u8 = 2;

const WHAT: &str = "snapshot";

/// All that a snapshot must hold, whatever its version: the rest of a state follows from it.
#[derive(Default)]
struct Content {
    model: Option<ModelTag>,
    learning: Learning,
    items: Vec<Item>,
    tag_names: Vec<Box<str>>,
    keys: Vec<(Box<str>, u32)>,
    dim: usize,
    vectors: Vector,
    vector_sum: Vec<f64>,
    vectors_counted: u64,
    /// By row.
    parts: Vec<(u32, Vec<Part>)>,
    /// Lengths of the two rows of each node, and all edges in order.
    rows: Vec<[u32; 2]>,
    edges: Vec<Edge>,
    /// Name, node, whether it is or was a subject.
    entities: Vec<(Box<str>, u32, bool)>,
    columns: Vec<Column>,
    columns_free: Vec<u32>,
    edges_counted: u64,
    learned: u64,
    faded_at: Option<Timestamp>,
    next_id: u64,
    unembedded: Vec<u32>,
    /// If it was made by the analyser of this release.
    lexical: Option<Lexical>,
}

impl State {
    /// The whole state as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        v2::write(self, vec![VERSION])
    }

    /// Reads a snapshot that any release wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let content = match bytes.split_first() {
            Some((1, body)) => v1::read(body)?,
            Some((&VERSION, body)) => v2::read(body)?,
            Some((version, _)) => {
                return Err(wrong(WHAT, format!("version {version}, this release reads up to {VERSION}")));
            }
            None => return Err(wrong(WHAT, "empty")),
        };
        content.check()?;
        Ok(content.into_state())
    }
}

impl Content {
    /// Refuses what would make no state: whatever points somewhere must point at something.
    fn check(&self) -> Result<(), Error> {
        let (items, nodes, tags) = (self.items.len(), self.rows.len(), self.tag_names.len());
        let ends: u64 = self.rows.iter().flatten().map(|&len| u64::from(len)).sum();
        let mut owned = vec![false; nodes];
        let mut own =
            |node: u32| owned.get_mut(node as usize).is_some_and(|owned| !std::mem::replace(owned, true));
        let problem = if !self.items.iter().all(|item| own(item.node)) {
            "a memory has no node of its own"
        } else if !self.entities.iter().all(|&(_, node, _)| own(node)) {
            "an entity has no node of its own"
        } else if owned.contains(&false) {
            "a node belongs to nobody"
        } else if !self.items.iter().flat_map(|item| &item.tags).all(|&tag| (tag as usize) < tags) {
            "a memory has a tag without a name"
        } else if !self.items.iter().all(|item| !item.alive || (item.column.0 as usize) < self.columns.len())
        {
            "a memory is in no column"
        } else if !self.keys.iter().all(|&(_, row)| (row as usize) < items) {
            "an idempotency key is of no memory"
        } else if ends != self.edges.len() as u64 || ends > u64::from(u32::MAX) {
            "rows and edges do not add up"
        } else if !self.edges.iter().all(|edge| (edge.target as usize) < nodes) {
            "an edge leads nowhere"
        } else if Some(self.vectors.0.len()) != items.checked_mul(self.dim)
            || self.vector_sum.len() != self.dim
        {
            "there are not as many vectors as memories"
        } else if self.model.as_ref().map_or(0, |model| model.dim as usize) != self.dim {
            "the vectors are not of the model"
        } else if self.vectors_counted > items as u64 {
            "more vectors count than there are"
        } else if !self.columns_free.iter().all(|&free| (free as usize) < self.columns.len()) {
            "a free column does not exist"
        } else if !self.unembedded.iter().all(|&row| (row as usize) < items) {
            "a vector is awaited of no memory"
        } else if let Some(why) = self.parts.iter().find_map(|(row, parts)| self.wrong_parts(*row, parts)) {
            why
        } else {
            return Ok(());
        };
        Err(wrong(WHAT, problem))
    }

    fn wrong_parts(&self, row: u32, parts: &[Part]) -> Option<&'static str> {
        let Some(item) = self.items.get(row as usize).filter(|item| item.alive) else {
            return Some("parts are of no memory");
        };
        let fits = |part: &Part| {
            part.vector.0.len() == self.dim
                && item.content.get(part.start as usize..part.end as usize).is_some()
        };
        (parts.is_empty() || !parts.iter().all(fits)).then_some("a part is of another text")
    }

    fn into_state(self) -> State {
        let hashes: Vec<u64> = collect_in_parallel(self.items.len(), |row| {
            let item = &self.items[row];
            if item.alive { content_hash(&item.content) } else { 0 }
        });
        let lexical = self.lexical.unwrap_or_else(|| {
            let terms = collect_in_parallel(self.items.len(), |row| {
                let item = &self.items[row];
                item.alive.then(|| index_terms(&searchable(&item.content, item.context.as_deref())))
            });
            Lexical::of(terms.into_iter())
        });
        let mut owners = vec![0; self.rows.len()];
        for (item, row) in self.items.iter().zip(0..) {
            owners[item.node as usize] = row;
        }
        let mut entities = Entities::default();
        for (name, node, is_subject) in &self.entities {
            let ix = entities.add(name, *node);
            owners[*node as usize] = ix | ENTITY_BIT;
            if *is_subject {
                entities.mark_subject(ix);
            }
        }
        let mut parts = AllParts::default();
        self.parts.iter().for_each(|(row, own)| parts.set(*row, own));
        let mut state = State {
            model: self.model,
            learning: self.learning,
            items: Items::from_list(self.items, self.tag_names, self.keys, |row| hashes[row as usize]),
            vectors: Vectors::from_rows(self.dim, self.vectors, self.vector_sum, self.vectors_counted),
            parts,
            lexical,
            entities,
            graph: Graph::from_rows(&self.rows, self.edges),
            columns: Columns::from_list(self.columns, self.columns_free),
            owners,
            edges: self.edges_counted,
            learned: self.learned,
            faded_at: self.faded_at,
            next_id: self.next_id,
            unembedded: self.unembedded.into_iter().collect(),
            stale_rows: Vec::new(),
        };
        state.mark_all_stale();
        state
    }
}

#[cfg(test)]
mod tests;
