//! update_memory, delete_memory and configure_learning.

use crate::Error;
use crate::allocate::{self, Told};
use crate::answer::{Allocation, Configured, Deleted, FieldChange, Updated};
use crate::embedding::Embedded;
use crate::ids::{MemoryId, TenantId, Timestamp};
use crate::links;
use crate::record::{DeletedRecord, Entry, NewContent, Record, UpdatedRecord};
use crate::request::{ConfigureLearning, Delete, Kind, PlasticityMode, Update};
use crate::resident::Resident;
use crate::state::graph::{EdgeClass, Side};
use crate::state::vectors::narrow;
use crate::state::{Owner, State, searchable};
use crate::store::{Text, contests};
use crate::text::names::split_title;
use crate::text::reading::Reading;
use crate::text::words::fold;

/// Most entities that one memory alone may be about before its deletion needs `force`: others lean on it through them.
const LEANING_MIN: usize = 3;
/// Sum of learned weights from which a memory counts as strongly connected.
const LEARNED_STRONG: f32 = 0.5;

/// Strength of a plasticity mode (SPEC 1.1).
fn plasticity(mode: PlasticityMode) -> f32 {
    match mode {
        PlasticityMode::Conservative => 0.3,
        PlasticityMode::Adaptive => 0.6,
        PlasticityMode::Aggressive => 0.9,
    }
}

/// What an update leaves of a memory's text: its content and context. None if the text stays, or there is no such memory.
///
/// Computed on the state on which the update is decided, so that what is embedded is what is stored.
pub fn text_after(state: &State, request: &Update) -> Option<(String, Option<String>)> {
    let item = state.items.get(state.items.find(request.id)?);
    let content = request.content.as_deref().unwrap_or(&item.content);
    let context = request.context.as_deref().or(item.context.as_deref());
    let changed = *content != *item.content || context != item.context.as_deref();
    changed.then(|| (content.to_owned(), context.map(str::to_owned)))
}

/// Decides and applies an update; `embedded` is the embedding of [`text_after`] it, if that is anything. No entry if nothing
/// changed.
pub fn update(
    state: &mut State,
    resident: &mut Resident,
    request: &Update,
    embedded: Option<&Embedded>,
    tenant: TenantId,
    now: Timestamp,
) -> Result<(Option<Entry>, Updated), Error> {
    let row = state.items.find(request.id).ok_or(Error::NotFound(request.id))?;
    let mut record = UpdatedRecord {
        id: request.id,
        at: now,
        content: None,
        context: None,
        embedding: None,
        confidence: None,
        importance: None,
        tags: None,
    };
    let mut changes = Vec::new();
    let item = state.items.get(row);
    if let Some(context) = &request.context
        && item.context.as_deref() != Some(context)
    {
        changes.push(change("context", item.context.as_deref().unwrap_or(""), context));
        record.context = Some(context.clone());
    }
    if let Some(confidence) = request.confidence
        && confidence != item.confidence
    {
        changes.push(change("confidence", item.confidence, confidence));
        record.confidence = Some(confidence);
    }
    if let Some(importance) = request.importance
        && Some(importance) != item.importance
    {
        changes.push(change(
            "importance",
            item.importance.map_or(String::new(), |old| old.to_string()),
            importance,
        ));
        record.importance = Some(importance);
    }
    if let Some((old, new)) = changed_tags(state, row, request)? {
        changes.push(change("tags", old.join(", "), new.join(", ")));
        record.tags = Some(new);
    }
    let mut allocation = None;
    if let Some(content) = &request.content
        && **content != *item.content
    {
        changes.push(change("content", &item.content, content));
        let embedded = embedded.expect("a new text comes with its vector; this is a bug");
        let (new, decided) = replace(state, resident, (row, request), content, embedded, now)?;
        record.content = Some(new);
        allocation = Some(decided);
    } else if record.context.is_some() {
        let embedded = embedded.expect("a new text comes with its vector; this is a bug");
        record.embedding = Some(embedded.to_record());
    }
    if changes.is_empty() {
        let version = state.items.get(row).version;
        let updated_at = state.items.get(row).updated_at;
        return Ok((None, updated(request.id, changes, version, updated_at)));
    }
    let record = Record::Updated(Box::new(record));
    let applied = state.apply(&record);
    let answer = Updated {
        edges_added: applied.edges_added,
        edges_removed: applied.edges_removed,
        weakened: applied.weakened,
        allocation,
        ..updated(request.id, changes, state.items.get(row).version, now)
    };
    Ok((Some(Entry { tenant, record }), answer))
}

fn updated(id: MemoryId, changes: Vec<FieldChange>, version: u32, updated_at: Timestamp) -> Updated {
    Updated {
        id,
        sequence: 0,
        changes,
        version,
        edges_added: 0,
        edges_removed: 0,
        weakened: 0,
        allocation: None,
        updated_at,
    }
}

fn change(field: &'static str, old: impl ToString, new: impl ToString) -> FieldChange {
    FieldChange { field, old: old.to_string(), new: new.to_string() }
}

/// Tags before and after.
type TagChange = (Vec<String>, Vec<String>);

/// Tags before and after, if they differ. Removal comes first, so a tag named in both lists stays.
fn changed_tags(state: &State, row: u32, request: &Update) -> Result<Option<TagChange>, Error> {
    let mut old = state.items.tags_of(row);
    old.sort();
    let mut new: Vec<String> = old.iter().filter(|tag| !request.remove_tags.contains(tag)).cloned().collect();
    new.extend(request.add_tags.iter().cloned());
    new.sort();
    new.dedup();
    if new.len() > crate::request::TAGS_MAX && new.len() > old.len() {
        let rule = format!("would leave {} tags, at most {} are kept", new.len(), crate::request::TAGS_MAX);
        return Err(Error::invalid("add_tags", rule));
    }
    Ok((new != old).then_some((old, new)))
}

/// New content competes for a column as a new memory does; the memory itself does not take part.
fn replace(
    state: &mut State,
    resident: &mut Resident,
    (row, request): (u32, &Update),
    content: &str,
    embedded: &Embedded,
    now: Timestamp,
) -> Result<(NewContent, Allocation), Error> {
    let (kind, place, occurred_at) = {
        let item = state.items.get(row);
        (item.kind, item.place.as_deref().cloned(), item.occurred_at)
    };
    let context = request.context.clone().or(state.items.get(row).context.as_deref().map(str::to_owned));
    let context = context.as_deref();
    let searched = searchable(content, context);
    let reading = Reading::of(&searched, content, kind == Kind::Passage);
    let text = Text {
        text: content,
        context,
        reading: &reading,
        place: place.as_ref(),
        occurred_at,
        vector: &embedded.vector,
    };
    let competition = contests(state, resident, &[text], Some(row))?.pop();
    let decided = competition.expect("one competition for one text; this is a bug").resolve(&[]);
    let told = Told { now, occurred_at, place: place.as_ref() };
    let allocation =
        allocate::settle(state, &told, decided.is_twin, &decided.rivals, &decided.clashes, &decided.outcome);
    let links = links::decide(state, Some(row), &reading, place.as_ref(), &decided.near);
    let new = NewContent {
        content: content.to_owned(),
        vector: narrow(&embedded.vector),
        parts: embedded.parts.clone(),
        links,
        column: allocation.column,
        role: allocation.role,
        keep: 1.0 - plasticity(request.plasticity_mode),
    };
    Ok((new, allocation))
}

/// Decides and applies a deletion.
pub fn delete(
    state: &mut State,
    request: &Delete,
    tenant: TenantId,
    now: Timestamp,
) -> Result<(Entry, Deleted), Error> {
    let row = state.items.find(request.id).ok_or(Error::NotFound(request.id))?;
    if !request.force
        && let Some(why) = strongly_connected(state, row)
    {
        return Err(Error::Refused {
            why: format!(
                "memory {} is strongly connected: {why}; pass force_delete to delete it all the same",
                request.id
            ),
        });
    }
    let record = Record::Deleted(DeletedRecord { id: request.id, at: now, cleanup: request.cleanup });
    let applied = state.apply(&record);
    let answer = Deleted {
        id: request.id,
        sequence: 0,
        edges_removed: applied.edges_removed,
        entities_removed: applied.entities_removed,
        column_released: applied.column_released,
    };
    Ok((Entry { tenant, record }, answer))
}

/// What leans on a memory, in words; none if nothing does. That another one repeats it or changes it is no reason: the roles of
/// those that stay are put right.
fn strongly_connected(state: &State, row: u32) -> Option<String> {
    let item = state.items.get(row);
    let graph = &state.graph;
    let learned: f32 = graph
        .row(item.node, Side::Far)
        .iter()
        .filter(|edge| edge.class() == EdgeClass::Learned as u32)
        .map(|edge| edge.weight())
        .sum();
    if learned >= LEARNED_STRONG {
        return Some(format!("use has tied it to others with a weight of {learned:.2}"));
    }
    // A title says what a text is about; a name found elsewhere is a guess, and a text about it by a guess leans on the titled one too.
    let is_titled = |node: u32, name: &str| match state.owner(node) {
        Owner::Memory(row) => {
            let title = split_title(&state.items.get(row).content).0;
            title.is_some_and(|title| fold(title).contains(&fold(name)))
        }
        Owner::Entity(_) => false,
    };
    graph.row(item.node, Side::Near).iter().find_map(|edge| {
        let Owner::Entity(ix) = state.owner(edge.target) else { return None };
        let name = &*state.entities.get(ix).name;
        let about = graph.row(edge.target, Side::Near);
        let others = about.iter().filter(|back| back.target != item.node);
        let is_alone = is_titled(item.node, name) && !others.clone().any(|back| is_titled(back.target, name));
        let leaning = others.count() + graph.row_len(edge.target, Side::Far);
        (is_alone && leaning >= LEANING_MIN)
            .then(|| format!("it alone is about \"{name}\", which {leaning} other memories mention"))
    })
}

/// Decides and applies learning parameters. No entry if everything already stood so.
pub fn configure(
    state: &mut State,
    request: &ConfigureLearning,
    tenant: TenantId,
) -> (Option<Entry>, Configured) {
    let old = state.learning();
    let mut new = old;
    let mut changes = Vec::new();
    let mut set = |field: &'static str, slot: &mut f32, value: Option<f32>| {
        if let Some(value) = value.filter(|value| value != slot) {
            changes.push(change(field, *slot, value));
            *slot = value;
        }
    };
    set("learning_rate", &mut new.learning_rate, request.learning_rate);
    set("decay_rate", &mut new.decay_rate, request.decay_rate);
    set("activation_threshold", &mut new.activation_threshold, request.activation_threshold);
    set("plasticity_window_ms", &mut new.plasticity_window_ms, request.plasticity_window_ms);
    if let Some(mode) = request.learning_mode.filter(|mode| *mode != new.learning_mode) {
        changes.push(change("learning_mode", format!("{:?}", new.learning_mode), format!("{mode:?}")));
        new.learning_mode = mode;
    }
    let entry = (new != old).then(|| {
        let record = Record::Configured(new);
        state.apply(&record);
        Entry { tenant, record }
    });
    (entry, Configured { changes, learning: new, sequence: 0 })
}
