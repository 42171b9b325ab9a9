//! A document that is imported again: which of its passages are known, which changed, which are gone.
//!
//! Markdown and text files are told from what the store holds of them (memories with the file's place and source), not from
//! keys: a key knows only what was said once, and a file is what it says now. A passage that reads the same is the same; of
//! those left, one under the same heading is its new version; what is left of the old ones is gone. So importing again
//! stores nothing twice, also after a kill, and a corrected note leaves no outdated copy of itself.

use std::collections::{HashMap, HashSet, VecDeque};

use cortexkg_engine::answer::Memory;
use cortexkg_engine::request::{Kind, Update};
use cortexkg_engine::{Call, MemoryId};

use super::Row;
use crate::engine::Engine;

/// Memories asked for at once.
const PAGE_LEN: u32 = 1_000;

/// What the store holds of some documents, by their names.
#[derive(Default)]
pub struct Known(HashMap<String, Vec<Held>>);

/// A passage in the store.
#[derive(Clone, Debug)]
struct Held {
    id: MemoryId,
    part: u32,
    content: String,
    tags: Vec<String>,
}

/// What is to be done about one document.
#[derive(Debug, Default)]
pub struct Plan {
    /// Passages that stand as they did.
    pub same: Vec<Row>,
    /// New versions of passages.
    pub changed: Vec<(Row, Update)>,
    /// Passages to store.
    pub new: Vec<Row>,
    /// Passages that are no longer in it.
    pub gone: Vec<MemoryId>,
}

impl Known {
    /// Looks through the store for passages of these documents; reads nothing where there are none.
    pub fn read(engine: &Engine, documents: &HashSet<String>) -> anyhow::Result<Known> {
        let mut known = Known::default();
        let mut after = None;
        while !documents.is_empty() {
            let page = engine.page(after, PAGE_LEN, Call::default()).wait()?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for memory in page {
                known.take(memory, documents);
            }
        }
        known.0.values_mut().for_each(|held| held.sort_by_key(|held| (held.part, held.id.0)));
        Ok(known)
    }

    /// A client may name a sequence as it likes: only what also names the file as its source came from there.
    fn take(&mut self, memory: Memory, documents: &HashSet<String>) {
        let Some(place) = memory.place else { return };
        let is_file = |source: &String| place.sequence.ends_with(source.as_str());
        if memory.kind != Kind::Passage
            || !documents.contains(&place.sequence)
            || !memory.source.as_ref().is_some_and(is_file)
        {
            return;
        }
        let held = Held { id: memory.id, part: place.part, content: memory.content, tags: memory.tags };
        self.0.entry(place.sequence).or_default().push(held);
    }

    /// What is to be done so that the store holds these rows of `document` and no others.
    pub fn plan(&mut self, document: &str, rows: Vec<Row>) -> Plan {
        let mut held = self.0.remove(document).unwrap_or_default();
        let mut plan = Plan::default();
        let mut left = Vec::new();
        for row in rows {
            match held.iter().position(|held| held.content == row.store.content) {
                Some(at) => plan.keep(held.remove(at), row),
                None => left.push(row),
            }
        }
        let mut by_heading: HashMap<String, VecDeque<Held>> = HashMap::new();
        for held in held {
            by_heading.entry(heading(&held.content).to_owned()).or_default().push_back(held);
        }
        for row in left {
            match by_heading.get_mut(heading(&row.store.content)).and_then(VecDeque::pop_front) {
                Some(held) => {
                    let content = Some(row.store.content.clone());
                    let update = Update { content, ..relabelled(&held, &row) };
                    plan.changed.push((row, update));
                }
                None => plan.new.push(row),
            }
        }
        plan.gone = by_heading.into_values().flatten().map(|held| held.id).collect();
        plan.gone.sort_unstable_by_key(|id| id.0);
        plan
    }
}

impl Plan {
    /// A passage whose words stand; the file may name more labels than before.
    fn keep(&mut self, held: Held, row: Row) {
        let update = relabelled(&held, &row);
        if update.add_tags.is_empty() {
            self.same.push(row);
        } else {
            self.changed.push((row, update));
        }
    }
}

/// The line that a passage stands under.
fn heading(content: &str) -> &str {
    content.split('\n').next().unwrap_or(content)
}

/// Labels that the file names and the memory lacks; those that others gave it stay.
fn relabelled(held: &Held, row: &Row) -> Update {
    let lacks = |tag: &&String| !held.tags.contains(tag);
    Update { add_tags: row.store.tags.iter().filter(lacks).cloned().collect(), ..Update::of(held.id) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortexkg_engine::request::Store;

    fn known(contents: &[&str]) -> Known {
        let held = (0..).zip(contents).map(|(part, content)| Held {
            id: MemoryId(u64::from(part)),
            part,
            content: (*content).into(),
            tags: Vec::new(),
        });
        Known(HashMap::from([("/n.md".into(), held.collect())]))
    }

    fn rows(contents: &[&str]) -> Vec<Row> {
        let row =
            |content: &&str| Row { line: 1, store: Store { content: (*content).into(), ..Store::default() } };
        contents.iter().map(row).collect()
    }

    fn texts(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.store.content.as_str()).collect()
    }

    #[test]
    fn passages_are_the_same_changed_new_or_gone() {
        let mut store = known(&["A\none", "B\ntwo", "C\nthree"]);
        let plan = store.plan("/n.md", rows(&["A\none", "B\nother", "D\nfour"]));
        assert_eq!((texts(&plan.same), texts(&plan.new)), (vec!["A\none"], vec!["D\nfour"]));
        assert_eq!(plan.changed.len(), 1);
        assert_eq!(plan.changed[0].1.id, MemoryId(1));
        assert_eq!(plan.changed[0].1.content.as_deref(), Some("B\nother"));
        assert_eq!(plan.gone, [MemoryId(2)]);
    }

    #[test]
    fn a_moved_passage_is_the_same_and_equal_ones_are_counted() {
        let plan = known(&["A\nx", "A\ny", "A\nx"]).plan("/n.md", rows(&["A\ny", "A\nx"]));
        assert_eq!((plan.same.len(), plan.changed.len(), plan.new.len()), (2, 0, 0));
        assert_eq!(plan.gone, [MemoryId(2)]);
    }

    #[test]
    fn a_document_that_is_not_known_is_all_new() {
        let plan = known(&["A\nx"]).plan("/other.md", rows(&["A\nx"]));
        assert_eq!((plan.new.len(), plan.gone.len()), (1, 0));
    }

    #[test]
    fn labels_of_the_file_come_to_those_that_others_gave() {
        let mut store = known(&["A\nx"]);
        store.0.get_mut("/n.md").unwrap()[0].tags = vec!["mine".into(), "both".into()];
        let mut row = rows(&["A\nx"]);
        row[0].store.tags = vec!["both".into(), "new".into()];
        let plan = store.plan("/n.md", row);
        assert_eq!((&plan.changed[0].1.add_tags, &plan.changed[0].1.content), (&vec!["new".into()], &None));
    }
}
