//! The truth, on the host: the fold of all records. `apply` cannot fail; whatever could be refused was refused before.

pub mod columns;
pub mod entities;
pub mod graph;
pub mod items;
pub mod lexical;
pub mod parts;
mod snapshot;
pub mod vectors;

use std::collections::BTreeSet;

use crate::Error;
use crate::answer::{GraphCounts, Learning, Memory, Role};
use crate::embedding::Reading;
use crate::ids::{MemoryId, Timestamp};
use crate::normal_form::{hash_of, normal_form};
use crate::record::{
    DeletedRecord, LearnedRecord, Links, ModelTag, NewContent, Part, Record, Reembedding, StoredRecord,
    UpdatedRecord, Vector,
};
use crate::request::{CleanupMode, Kind};
use crate::text::terms::index_terms;
use columns::Columns;
use cortexkg_compute::kernels::shared::plasticity;
use entities::Entities;
use graph::{Edge, EdgeClass, Graph, Side, drawn};
use items::{Item, Items};
use lexical::Lexical;
use parts::{AllParts, Parts};
use vectors::Vectors;

/// Marks the owner of a node as an entity.
const ENTITY_BIT: u32 = 1 << 31;

/// Who a node of the graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A memory, by row.
    Memory(u32),
    /// An entity, by index.
    Entity(u32),
}

/// Everything that is remembered.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Which model the vectors come from; none before the founding record.
    pub(crate) model: Option<ModelTag>,
    pub(crate) learning: Learning,
    pub(crate) items: Items,
    pub(crate) vectors: Vectors,
    pub(crate) parts: AllParts,
    pub(crate) lexical: Lexical,
    pub(crate) entities: Entities,
    pub(crate) graph: Graph,
    pub(crate) columns: Columns,
    owners: Vec<u32>,
    edges: u64,
    learned: u64,
    faded_at: Option<Timestamp>,
    next_id: u64,
    /// Rows that wait for a new model's vector.
    unembedded: BTreeSet<u32>,
    /// Rows whose vector, or end, the device has not seen.
    pub(crate) stale_rows: Vec<u32>,
}

/// What applying one record did, counted while it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Edges added, each counted once.
    pub edges_added: u32,
    /// Edges removed.
    pub edges_removed: u32,
    /// Entities met for the first time.
    pub entities_added: u32,
    /// Entities that lost their last edge.
    pub entities_removed: u32,
    /// Learned connections weakened.
    pub weakened: u32,
    /// A column was released.
    pub column_released: bool,
}

/// The text by which a memory is found: its content, then its circumstances.
pub fn searchable(content: &str, context: Option<&str>) -> String {
    match context {
        Some(context) => format!("{content}\n{context}"),
        None => content.to_owned(),
    }
}

/// Hash of a content in normal form, see [`normal_form`].
pub fn content_hash(content: &str) -> u64 {
    hash_of(&normal_form(content))
}

impl State {
    /// Folds one record in.
    pub fn apply(&mut self, record: &Record) -> Applied {
        let mut applied = Applied::default();
        match record {
            Record::Founded(model) => {
                self.vectors = Vectors::new(model.dim as usize);
                self.model = Some(model.clone());
            }
            Record::Stored(stored) => {
                let searched = searchable(&stored.content, stored.context.as_deref());
                let hash = content_hash(&stored.content);
                self.apply_stored(stored, &index_terms(&searched), hash, &mut applied);
            }
            Record::Updated(updated) => self.apply_updated(updated, &mut applied),
            Record::Deleted(deleted) => self.apply_deleted(deleted, &mut applied),
            Record::Configured(learning) => self.learning = *learning,
            Record::Learned(learned) => self.apply_learned(learned),
            Record::ModelChanged(model) => {
                let items = &self.items;
                self.vectors.change_dim(model.dim as usize, |row| !items.get(row).alive);
                self.parts.clear();
                self.stale_rows = (0..self.items.len() as u32).collect();
                self.unembedded =
                    (0..self.items.len() as u32).filter(|&row| self.items.get(row).alive).collect();
                self.model = Some(model.clone());
            }
            Record::Reembedded(vectors) => {
                for Reembedding { id, vector, parts } in vectors {
                    if let Some(row) = self.items.find(*id) {
                        self.replace_vector(row, vector, parts);
                        self.unembedded.remove(&row);
                    }
                }
            }
        }
        applied
    }

    /// As [`State::apply`] for a new memory whose text was read already: the terms of its searchable text, the hash of its
    /// content.
    pub(crate) fn apply_read(&mut self, stored: &StoredRecord, terms: &[String], hash: u64) -> Applied {
        let mut applied = Applied::default();
        self.apply_stored(stored, terms, hash, &mut applied);
        applied
    }

    fn apply_stored(&mut self, stored: &StoredRecord, terms: &[String], hash: u64, applied: &mut Applied) {
        let node = self.graph.add_node();
        let row = self.items.len() as u32;
        self.owners.push(row);
        let tags: Vec<u32> = stored.tags.iter().map(|tag| self.items.tag(tag)).collect();
        let item = Item {
            id: stored.id,
            node,
            content: stored.content.as_str().into(),
            context: stored.context.as_deref().map(Into::into),
            source: stored.source.as_deref().map(Into::into),
            tags: tags.into(),
            place: stored.place.clone().map(Box::new),
            created_at: stored.at,
            updated_at: stored.at,
            occurred_at: stored.occurred_at,
            confidence: stored.confidence,
            importance: stored.importance,
            column: stored.column,
            role: stored.role,
            version: 1,
            kind: stored.kind,
            alive: true,
        };
        self.items.push(item, stored.key.as_deref(), hash);
        self.vectors.push(&stored.vector);
        self.parts.set(row, &stored.parts);
        self.stale_rows.push(row);
        self.lexical.add(row, terms);
        self.columns.join(stored.column, stored.role);
        self.link(node, &stored.links, applied);
        self.next_id = self.next_id.max(stored.id.0 + 1);
    }

    fn apply_updated(&mut self, updated: &UpdatedRecord, applied: &mut Applied) {
        let Some(row) = self.items.find(updated.id) else { return };
        let old_searchable = self.searchable_of(row);
        if let Some(new) = &updated.content {
            self.replace_content(row, new, applied);
        }
        if let Some(embedding) = &updated.embedding {
            self.replace_vector(row, &embedding.vector, &embedding.parts);
        }
        if let Some(tags) = &updated.tags {
            let tags: Vec<u32> = tags.iter().map(|tag| self.items.tag(tag)).collect();
            self.items.set_tags(row, tags.into());
        }
        self.items.change(row, |item| {
            if let Some(context) = &updated.context {
                item.context = Some(context.as_str().into());
            }
            if let Some(confidence) = updated.confidence {
                item.confidence = confidence;
            }
            item.importance = updated.importance.or(item.importance);
            item.updated_at = updated.at;
            item.version += 1;
        });
        let new_searchable = self.searchable_of(row);
        if new_searchable != old_searchable {
            self.lexical.remove(row, &index_terms(&old_searchable));
            self.lexical.add(row, &index_terms(&new_searchable));
        }
    }

    fn replace_content(&mut self, row: u32, new: &NewContent, applied: &mut Applied) {
        let item = self.items.get(row);
        let (node, old_column, old_role) = (item.node, item.column, item.role);
        let (old_hash, new_hash) = (content_hash(&item.content), content_hash(&new.content));
        self.items.set_content(row, &new.content, old_hash, new_hash);
        self.replace_vector(row, &new.vector, &new.parts);
        self.unlink(node, applied, |edge| edge.class() != EdgeClass::Learned as u32);
        self.weaken(node, new.keep, applied);
        self.link(node, &new.links, applied);
        applied.column_released = self.columns.leave(old_column, old_role);
        self.columns.join(new.column, new.role);
        self.items.change(row, |item| item.column = new.column);
        self.items.set_role(row, new.role);
        if old_hash != new_hash {
            self.release_roles(row, old_role);
        }
    }

    /// Roles that referred to what a row said before it changed or went refer to what is left: of its repeats the oldest stands
    /// for the others, and what superseded it supersedes what it superseded.
    fn release_roles(&mut self, row: u32, old_role: Role) {
        let id = self.items.get(row).id;
        let mut first: Option<MemoryId> = None;
        for other in self.items.referring(id).to_vec() {
            let item = self.items.get(other);
            let (own, column, was) = (item.id, item.column, item.role);
            let role = match (was, old_role) {
                (Role::DuplicateOf(_), Role::DuplicateOf(older)) => Role::DuplicateOf(older),
                (Role::DuplicateOf(_), _) => match first {
                    Some(first) => Role::DuplicateOf(first),
                    None => {
                        first = Some(own);
                        // It takes the place of the one it repeated.
                        if matches!(old_role, Role::Founder) { Role::Member } else { old_role }
                    }
                },
                (Role::Supersedes(_), Role::Supersedes(older)) if older != own => Role::Supersedes(older),
                _ => Role::Member,
            };
            self.columns.change_role(column, was, role);
            self.items.set_role(other, role);
        }
    }

    fn apply_deleted(&mut self, deleted: &DeletedRecord, applied: &mut Applied) {
        let Some(row) = self.items.find(deleted.id) else { return };
        self.lexical.remove(row, &index_terms(&self.searchable_of(row)));
        self.vectors.retire(row);
        self.parts.remove(row);
        self.stale_rows.push(row);
        self.unembedded.remove(&row);
        let item = self.items.get(row);
        let (node, column, role, hash) = (item.node, item.column, item.role, content_hash(&item.content));
        self.items.delete(row, hash);
        self.release_roles(row, role);
        if deleted.cleanup == CleanupMode::Minimal {
            return;
        }
        let beside: Vec<u32> = self.sequence_neighbours(node);
        self.unlink(node, applied, |_| true);
        applied.column_released = self.columns.leave(column, role);
        if let (CleanupMode::Aggressive, &[before, after]) = (deleted.cleanup, &beside[..]) {
            // The sequence closes over the gap.
            self.tie(before, after, EdgeClass::Sequence, 1.0, applied);
        }
    }

    fn apply_learned(&mut self, learned: &LearnedRecord) {
        if let Some(share) = learned.fade {
            self.fade(share, learned.at);
        }
        if learned.fade.is_some() || self.faded_at.is_none() {
            self.faded_at = Some(learned.at);
        }
        for &(from, to, weight) in &learned.weights {
            let (Some(from), Some(to)) = (self.items.find(from), self.items.find(to)) else { continue };
            let (from, to) = (self.items.get(from).node, self.items.get(to).node);
            if weight > 0.0 {
                let added = self.graph.set(from, Side::Far, Edge::new(to, EdgeClass::Learned, weight));
                self.learned += u64::from(added);
            } else {
                let class = EdgeClass::Learned as u32;
                let gone =
                    self.graph.remove(from, Side::Far, |edge| edge.target == to && edge.class() == class);
                self.learned -= u64::from(gone);
            }
        }
    }

    /// Adds the decided edges of a memory.
    fn link(&mut self, node: u32, links: &Links, applied: &mut Applied) {
        self.graph.reserve(node, Side::Near, links.mentions.len());
        for (name, times) in &links.mentions {
            let entity = self.entity(name, applied);
            let is_subject = links.subjects.contains(name);
            if is_subject {
                self.entities.mark_subject(entity);
            }
            self.mention(node, entity, is_subject, *times, applied);
        }
        for &(subject, older) in &links.mentioned_by {
            let (Some(name), Some(row)) = (links.subjects.get(subject as usize), self.items.find(older))
            else {
                continue;
            };
            let entity = self.entity(name, applied);
            let older = self.items.get(row).node;
            let target = self.entities.get(entity).node;
            if !self.graph.row(older, Side::Near).iter().any(|edge| edge.target == target) {
                self.mention(older, entity, false, 1, applied);
            }
        }
        for &neighbour in &links.neighbours {
            if let Some(row) = self.items.find(neighbour) {
                self.tie(node, self.items.get(row).node, EdgeClass::Sequence, 1.0, applied);
            }
        }
        for &(other, similarity) in &links.similar {
            if let Some(row) = self.items.find(other) {
                self.tie(node, self.items.get(row).node, EdgeClass::Similar, similarity, applied);
            }
        }
    }

    fn entity(&mut self, name: &str, applied: &mut Applied) -> u32 {
        self.entities.find(name).unwrap_or_else(|| {
            let node = self.graph.add_node();
            let entity = self.entities.add(name, node);
            self.owners.push(entity | ENTITY_BIT);
            applied.entities_added += 1;
            entity
        })
    }

    fn mention(&mut self, memory: u32, entity: u32, is_subject: bool, times: u32, applied: &mut Applied) {
        let target = self.entities.get(entity).node;
        let weight = 1.0 + (times.max(1) as f32).ln();
        self.graph.push(memory, Side::Near, Edge::new(target, EdgeClass::Mentions, weight));
        let is_turn =
            matches!(self.owner(memory), Owner::Memory(row) if self.items.get(row).kind == Kind::Turn);
        let (side, class) = match (is_subject, is_turn) {
            (true, _) => (Side::Near, EdgeClass::SubjectOf),
            (false, false) => (Side::Far, EdgeClass::MentionedBy),
            (false, true) => (Side::Far, EdgeClass::MentionedByTurn),
        };
        self.graph.push(target, side, Edge::new(memory, class, weight));
        applied.edges_added += 1;
        self.edges += 1;
    }

    fn tie(&mut self, a: u32, b: u32, class: EdgeClass, weight: f32, applied: &mut Applied) {
        let added = self.graph.set(a, Side::Far, Edge::new(b, class, weight));
        self.graph.set(b, Side::Far, Edge::new(a, class, weight));
        applied.edges_added += u32::from(added);
        self.edges += u64::from(added);
    }

    /// Removes the chosen edges of a memory and their reverses.
    fn unlink(&mut self, node: u32, applied: &mut Applied, which: impl Fn(Edge) -> bool) {
        for side in [Side::Near, Side::Far] {
            let chosen: Vec<Edge> =
                self.graph.row(node, side).iter().copied().filter(|edge| which(*edge)).collect();
            self.graph.remove(node, side, &which);
            for edge in chosen {
                let class = EdgeClass::Learned as u32;
                if edge.class() == class {
                    self.learned -= 1;
                    continue;
                }
                let back = |reverse: Edge| reverse.target == node && reverse.class() != class;
                self.graph.remove(edge.target, Side::Near, back);
                self.graph.remove(edge.target, Side::Far, back);
                applied.edges_removed += 1;
                self.edges -= 1;
                if let Owner::Entity(_) = self.owner(edge.target)
                    && self.graph.degree(edge.target) == 0
                {
                    applied.entities_removed += 1;
                }
            }
        }
    }

    /// Learned edges of a memory keep a share of their weight.
    fn weaken(&mut self, node: u32, keep: f32, applied: &mut Applied) {
        let learned: Vec<Edge> = self
            .graph
            .row(node, Side::Far)
            .iter()
            .copied()
            .filter(|edge| edge.class() == EdgeClass::Learned as u32)
            .collect();
        for edge in learned {
            self.graph.set(node, Side::Far, Edge::new(edge.target, EdgeClass::Learned, edge.weight() * keep));
            applied.weakened += 1;
        }
    }

    /// All learned weights keep a share, by the arithmetic of the kernel `weight_decay`; those that come to nothing go.
    fn fade(&mut self, share: f32, at: Timestamp) {
        let class = EdgeClass::Learned as u32;
        let lost = plasticity::share(1.0 - f64::from(share));
        for row in 0..self.items.len() as u32 {
            let node = self.items.get(row).node;
            let learned: Vec<Edge> = self
                .graph
                .row(node, Side::Far)
                .iter()
                .copied()
                .filter(|edge| edge.class() == class)
                .collect();
            for edge in learned {
                let before = edge.units().min(plasticity::WEIGHT_MAX);
                let units = plasticity::depressed(before, lost, drawn(node, edge.target, at));
                if units > 0 {
                    self.graph.set(node, Side::Far, edge.with_units(units));
                } else {
                    self.graph.remove(node, Side::Far, |known| {
                        known.target == edge.target && known.class() == class
                    });
                    self.learned -= 1;
                }
            }
        }
    }

    /// When learned weights last faded; none before anything was learned.
    pub(crate) fn faded_at(&self) -> Option<Timestamp> {
        self.faded_at
    }

    fn sequence_neighbours(&self, node: u32) -> Vec<u32> {
        let class = EdgeClass::Sequence as u32;
        self.graph
            .row(node, Side::Far)
            .iter()
            .filter(|edge| edge.class() == class)
            .map(|edge| edge.target)
            .collect()
    }

    fn replace_vector(&mut self, row: u32, vector: &Vector, parts: &[Part]) {
        self.vectors.replace(row, vector);
        self.parts.set(row, parts);
        self.stale_rows.push(row);
    }

    fn searchable_of(&self, row: u32) -> String {
        let item = self.items.get(row);
        searchable(&item.content, item.context.as_deref())
    }

    /// Who a node is.
    pub fn owner(&self, node: u32) -> Owner {
        let owner = self.owners[node as usize];
        if owner & ENTITY_BIT == 0 { Owner::Memory(owner) } else { Owner::Entity(owner & !ENTITY_BIT) }
    }

    /// The graph, to be brought to the device, and the owners of its nodes as kernels read them: entities carry the highest bit.
    pub(crate) fn graph_and_owners(&mut self) -> (&mut Graph, &[u32]) {
        (&mut self.graph, &self.owners)
    }

    /// The id of the next new memory.
    pub fn next_id(&self) -> MemoryId {
        MemoryId(self.next_id.max(1))
    }

    /// Which model the vectors come from.
    pub fn model(&self) -> Option<&ModelTag> {
        self.model.as_ref()
    }

    /// Memories that wait for a new model's vector.
    pub fn reembedding(&self) -> u64 {
        self.unembedded.len() as u64
    }

    /// The next of them, with what is to be embedded.
    pub fn to_reembed(&self, limit: usize) -> Vec<(MemoryId, Reading)> {
        let rows = self.unembedded.iter().take(limit).map(|&row| self.items.get(row));
        rows.map(|item| (item.id, Reading::of(&item.content, item.context.as_deref()))).collect()
    }

    /// The parts of long texts, by memory.
    pub fn parts_held(&self) -> Vec<(MemoryId, &Parts)> {
        let rows = self.parts.rows().into_iter();
        rows.filter_map(|row| Some((self.items.get(row).id, self.parts.of(row)?))).collect()
    }

    /// Learning parameters in force.
    pub fn learning(&self) -> Learning {
        self.learning
    }

    /// Live memories.
    pub fn memories(&self) -> u64 {
        self.items.alive_len()
    }

    /// Names of the entities of a memory, subjects first.
    pub(crate) fn entities_of(&self, row: u32) -> Vec<String> {
        let node = self.items.get(row).node;
        let mut names: Vec<(bool, String)> = self
            .graph
            .row(node, Side::Near)
            .iter()
            .filter_map(|edge| match self.owner(edge.target) {
                Owner::Entity(entity) => {
                    let about =
                        self.graph.row(edge.target, Side::Near).iter().any(|back| back.target == node);
                    Some((!about, self.entities.get(entity).name.to_string()))
                }
                Owner::Memory(_) => None,
            })
            .collect();
        names.sort_by_key(|(after, _)| *after);
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// A memory as callers see it.
    pub fn memory(&self, row: u32) -> Memory {
        let item = self.items.get(row);
        let mut tags = self.items.tags_of(row);
        tags.sort();
        Memory {
            id: item.id,
            content: item.content.to_string(),
            context: item.context.as_deref().map(str::to_owned),
            source: item.source.as_deref().map(str::to_owned),
            confidence: item.confidence,
            importance: item.importance,
            tags,
            kind: item.kind,
            place: item.place.as_deref().cloned(),
            created_at: item.created_at,
            updated_at: item.updated_at,
            occurred_at: item.occurred_at,
            version: item.version,
            column: item.column,
            role: item.role,
            superseded_by: self.items.superseded_by(row),
            entities: self.entities_of(row),
        }
    }

    /// A live memory by name.
    pub fn get(&self, id: MemoryId) -> Result<Memory, Error> {
        self.items.find(id).map(|row| self.memory(row)).ok_or(Error::NotFound(id))
    }

    /// Live memories after an id, in order of id.
    pub fn page(&self, after: Option<MemoryId>, limit: usize) -> Vec<Memory> {
        // Ids grow with rows, so rows are in order of id.
        let start = after.map_or(0, |after| self.items.list().partition_point(|item| item.id <= after));
        (start as u32..self.items.len() as u32)
            .filter(|&row| self.items.get(row).alive)
            .take(limit)
            .map(|row| self.memory(row))
            .collect()
    }

    /// Edges, each counted once, and learned connections.
    pub(crate) fn edge_counts(&self) -> (u64, u64) {
        (self.edges, self.learned)
    }

    /// Entities that some memory mentions.
    pub(crate) fn entities_alive(&self) -> u64 {
        (0..self.entities.len() as u32)
            .filter(|&ix| {
                let node = self.entities.get(ix).node;
                self.graph.degree(node) > 0
            })
            .count() as u64
    }

    /// Bytes beyond the texts, counted from the arrays' capacities.
    pub fn bytes(&self) -> u64 {
        (self.items.bytes()
            + self.vectors.bytes()
            + self.parts.bytes()
            + self.lexical.bytes()
            + self.entities.bytes()
            + self.graph.bytes()
            + self.columns.bytes()
            + self.owners.capacity() * 4) as u64
    }

    /// Forgets what the device knows, after it was lost or opened anew.
    pub fn mark_all_stale(&mut self) {
        self.graph.mark_all_dirty();
        self.columns.mark_all_stale();
        self.stale_rows = (0..self.items.len() as u32).collect();
    }

    /// Counts of the whole graph that need no traversal.
    pub(crate) fn plain_counts(&self) -> GraphCounts {
        GraphCounts {
            memories: self.memories(),
            entities: self.entities_alive(),
            edges: self.edges,
            ..GraphCounts::default()
        }
    }
}
