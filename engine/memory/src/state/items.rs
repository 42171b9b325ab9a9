//! The memories themselves, one row each; a row is never used twice.

use crate::answer::Role;
use crate::ids::{ColumnId, MemoryId, Timestamp};
use crate::request::{Kind, Place, TimeRange};
use rustc_hash::FxHashMap;

/// One memory's facts.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name.
    pub id: MemoryId,
    /// Its node in the graph.
    pub node: u32,
    /// The text; empty once deleted.
    pub content: Box<str>,
    /// Circumstances.
    pub context: Option<Box<str>>,
    /// Where it comes from.
    pub source: Option<Box<str>>,
    /// Labels, as indices.
    pub tags: Box<[u32]>,
    /// Its place in a sequence.
    pub place: Option<Box<Place>>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// 0..=1.
    pub confidence: f32,
    /// 0..=1.
    pub importance: Option<f32>,
    /// The column that holds it.
    pub column: ColumnId,
    /// What it is there.
    pub role: Role,
    /// 1, then one more a change.
    pub version: u32,
    /// Passage or turn.
    pub kind: Kind,
    /// Not deleted.
    pub alive: bool,
}

/// All memories.
#[derive(Clone, Debug, Default)]
pub struct Items {
    list: Vec<Item>,
    by_id: FxHashMap<u64, u32>,
    alive: Vec<u64>,
    alive_len: u64,
    text_bytes: u64,
    tag_names: Vec<Box<str>>,
    tag_ix: FxHashMap<Box<str>, u32>,
    by_tag: Vec<Vec<u32>>,
    /// Hash of the content in normal form to the rows that hold it.
    by_content: FxHashMap<u64, Vec<u32>>,
    /// Sequence name to (part, row), ascending.
    sequences: FxHashMap<Box<str>, Vec<(u32, u32)>>,
    keys: FxHashMap<Box<str>, u32>,
    /// Id to the live rows whose role refers to it, ascending.
    referring: FxHashMap<u64, Vec<u32>>,
}

impl Item {
    /// When it happened, else when it was stored.
    pub fn time(&self) -> Timestamp {
        self.occurred_at.unwrap_or(self.created_at)
    }
}

impl Items {
    /// All rows with what cannot be made again from them; `hash` is that of a row's content, asked for those that live. Every
    /// tag of a row must be among `tag_names`, every row of `keys` in the list.
    pub fn from_list(
        list: Vec<Item>,
        tag_names: Vec<Box<str>>,
        keys: Vec<(Box<str>, u32)>,
        hash: impl Fn(u32) -> u64,
    ) -> Self {
        let mut items = Items {
            tag_ix: tag_names.iter().cloned().zip(0..).collect(),
            by_tag: vec![Vec::new(); tag_names.len()],
            tag_names,
            ..Items::default()
        };
        for (item, row) in list.into_iter().zip(0..) {
            if item.alive {
                items.push(item, None, hash(row));
            } else {
                items.push_dead(item);
            }
        }
        items.keys = keys.into_iter().collect();
        items
    }

    /// Idempotency keys with their rows, in order of the rows.
    pub fn keys(&self) -> Vec<(&str, u32)> {
        let mut keys: Vec<(&str, u32)> = self.keys.iter().map(|(key, &row)| (&**key, row)).collect();
        keys.sort_unstable_by_key(|&(key, row)| (row, key));
        keys
    }

    /// Names of all tags, by index.
    pub fn tag_names(&self) -> &[Box<str>] {
        &self.tag_names
    }

    /// Number of rows, deleted ones included.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing was ever stored.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Live memories.
    pub fn alive_len(&self) -> u64 {
        self.alive_len
    }

    /// A row.
    pub fn get(&self, row: u32) -> &Item {
        &self.list[row as usize]
    }

    /// All rows.
    pub fn list(&self) -> &[Item] {
        &self.list
    }

    /// The live row of an id.
    pub fn find(&self, id: MemoryId) -> Option<u32> {
        self.by_id.get(&id.0).copied().filter(|&row| self.list[row as usize].alive)
    }

    /// The row of an id, deleted or not.
    pub fn find_any(&self, id: MemoryId) -> Option<u32> {
        self.by_id.get(&id.0).copied()
    }

    /// The memory stored under an idempotency key.
    pub fn find_key(&self, key: &str) -> Option<u32> {
        self.keys.get(key).copied()
    }

    /// Live rows with the same content in normal form, oldest first.
    pub fn same_content(&self, hash: u64) -> &[u32] {
        self.by_content.get(&hash).map_or(&[], Vec::as_slice)
    }

    /// Live rows whose role refers to an id, oldest first.
    pub fn referring(&self, id: MemoryId) -> &[u32] {
        self.referring.get(&id.0).map_or(&[], Vec::as_slice)
    }

    /// The newest live memory that supersedes this one, or the one that it repeats.
    pub fn superseded_by(&self, row: u32) -> Option<MemoryId> {
        let item = self.get(row);
        let newest = |id: MemoryId| {
            let supersedes = |&&row: &&u32| self.get(row).role == Role::Supersedes(id);
            let rows = self.referring(id).iter().filter(supersedes);
            rows.map(|&row| self.get(row)).max_by_key(|item| (item.time(), item.id))
        };
        let of_first = match item.role {
            // Told again later, it holds again.
            Role::DuplicateOf(first) => newest(first).filter(|newer| newer.time() >= item.time()),
            _ => None,
        };
        newest(item.id).or(of_first).map(|newer| newer.id)
    }

    /// Changes what a row is to its column.
    pub fn set_role(&mut self, row: u32, role: Role) {
        self.forget_role(row);
        self.list[row as usize].role = role;
        self.remember_role(row);
    }

    fn remember_role(&mut self, row: u32) {
        if let Some(other) = self.list[row as usize].role.other() {
            let rows = self.referring.entry(other.0).or_default();
            let at = rows.partition_point(|&known| known < row);
            rows.insert(at, row);
        }
    }

    fn forget_role(&mut self, row: u32) {
        if let Some(other) = self.list[row as usize].role.other()
            && let Some(rows) = self.referring.get_mut(&other.0)
        {
            rows.retain(|&known| known != row);
            if rows.is_empty() {
                self.referring.remove(&other.0);
            }
        }
    }

    /// Rows next to a place in its sequence: the last before it, the first after it.
    pub fn neighbours(&self, place: &Place) -> [Option<u32>; 2] {
        let Some(parts) = self.sequences.get(place.sequence.as_str()) else { return [None, None] };
        let at = parts.partition_point(|&(part, _)| part < place.part);
        let after = parts[at..].iter().find(|&&(part, _)| part > place.part);
        [at.checked_sub(1).map(|before| parts[before].1), after.map(|&(_, row)| row)]
    }

    /// Adds a memory; returns its row.
    pub fn push(&mut self, item: Item, key: Option<&str>, content_hash: u64) -> u32 {
        let row = self.list.len() as u32;
        if row as usize / 64 == self.alive.len() {
            self.alive.push(0);
        }
        self.alive[row as usize / 64] |= 1 << (row % 64);
        self.alive_len += 1;
        self.text_bytes += item.content.len() as u64;
        self.by_id.insert(item.id.0, row);
        self.by_content.entry(content_hash).or_default().push(row);
        for &tag in &item.tags {
            self.by_tag[tag as usize].push(row);
        }
        if let Some(place) = &item.place {
            let parts = self.sequences.entry(place.sequence.as_str().into()).or_default();
            let at = parts.partition_point(|&known| known < (place.part, row));
            parts.insert(at, (place.part, row));
        }
        if let Some(key) = key {
            self.keys.insert(key.into(), row);
        }
        self.list.push(item);
        self.remember_role(row);
        row
    }

    /// Adds a row that was deleted: it keeps its id alone.
    fn push_dead(&mut self, item: Item) {
        let row = self.list.len() as u32;
        if row as usize / 64 == self.alive.len() {
            self.alive.push(0);
        }
        self.by_id.insert(item.id.0, row);
        self.list.push(item);
    }

    /// Changes facts of a row that no index holds.
    pub fn change(&mut self, row: u32, change: impl FnOnce(&mut Item)) {
        change(&mut self.list[row as usize]);
    }

    /// Replaces the content of a row.
    pub fn set_content(&mut self, row: u32, content: &str, old_hash: u64, new_hash: u64) {
        self.forget_content(row, old_hash);
        let rows = self.by_content.entry(new_hash).or_default();
        rows.insert(rows.partition_point(|&known| known < row), row);
        let item = &mut self.list[row as usize];
        self.text_bytes = self.text_bytes + content.len() as u64 - item.content.len() as u64;
        item.content = content.into();
    }

    /// Replaces the tags of a row.
    pub fn set_tags(&mut self, row: u32, tags: Box<[u32]>) {
        for &old in &std::mem::take(&mut self.list[row as usize].tags) {
            self.by_tag[old as usize].retain(|&known| known != row);
        }
        for &new in &tags {
            let rows = &mut self.by_tag[new as usize];
            let at = rows.partition_point(|&known| known < row);
            rows.insert(at, row);
        }
        self.list[row as usize].tags = tags;
    }

    /// Marks a row deleted and frees its text.
    pub fn delete(&mut self, row: u32, content_hash: u64) {
        self.forget_content(row, content_hash);
        self.forget_role(row);
        self.set_tags(row, Box::default());
        self.alive[row as usize / 64] &= !(1 << (row % 64));
        self.alive_len -= 1;
        let item = &mut self.list[row as usize];
        item.alive = false;
        self.text_bytes -= item.content.len() as u64;
        item.content = Box::default();
        item.context = None;
        item.source = None;
        if let Some(place) = item.place.take() {
            let parts = self
                .sequences
                .get_mut(place.sequence.as_str())
                .expect("a place without its sequence; this is a bug");
            parts.retain(|&(_, known)| known != row);
            if parts.is_empty() {
                self.sequences.remove(place.sequence.as_str());
            }
        }
    }

    /// Index of a tag, made if it is new.
    pub fn tag(&mut self, name: &str) -> u32 {
        if let Some(&ix) = self.tag_ix.get(name) {
            return ix;
        }
        let ix = self.tag_names.len() as u32;
        self.tag_names.push(name.into());
        self.tag_ix.insert(name.into(), ix);
        self.by_tag.push(Vec::new());
        ix
    }

    /// Names of a row's tags.
    pub fn tags_of(&self, row: u32) -> Vec<String> {
        self.get(row).tags.iter().map(|&ix| self.tag_names[ix as usize].to_string()).collect()
    }

    /// Tags with how many live memories carry each.
    pub fn tag_counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.tag_names.iter().zip(&self.by_tag).map(|(name, rows)| (&**name, rows.len() as u64))
    }

    /// One bit a row, 64 to a word: alive, carrying all tags, inside the span.
    pub fn mask(&self, tags: &[String], range: Option<TimeRange>) -> Vec<u64> {
        let mut mask = self.alive.clone();
        for tag in tags {
            let mut carries = vec![0u64; mask.len()];
            if let Some(&ix) = self.tag_ix.get(tag.as_str()) {
                for &row in &self.by_tag[ix as usize] {
                    carries[row as usize / 64] |= 1 << (row % 64);
                }
            }
            mask.iter_mut().zip(carries).for_each(|(word, carries)| *word &= carries);
        }
        if let Some(range) = range {
            for (row, item) in self.list.iter().enumerate() {
                if !range.contains(item.time()) {
                    mask[row / 64] &= !(1 << (row % 64));
                }
            }
        }
        mask
    }

    /// Bytes of live texts.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// Bytes of all arrays beyond the texts; hash tables are counted by their capacity.
    pub fn bytes(&self) -> usize {
        let loose: usize = self
            .list
            .iter()
            .map(|item| {
                let place =
                    item.place.as_ref().map_or(0, |place| size_of::<Place>() + place.sequence.capacity());
                item.context.as_ref().map_or(0, |text| text.len())
                    + item.source.as_ref().map_or(0, |text| text.len())
                    + item.tags.len() * 4
                    + place
            })
            .sum();
        let content: usize = self.by_content.values().map(|rows| rows.capacity() * 4).sum();
        let referring: usize = self.referring.values().map(|rows| rows.capacity() * 4).sum();
        let keys: usize = self.keys.keys().map(|key| key.len()).sum();
        let sequences: usize =
            self.sequences.iter().map(|(name, parts)| name.len() + parts.capacity() * 8).sum();
        let tags: usize = self.by_tag.iter().map(|rows| rows.capacity() * 4).sum();
        loose
            + content
            + keys
            + referring
            + self.referring.capacity() * (8 + size_of::<Vec<u32>>() + 1)
            + sequences
            + tags
            + self.list.capacity() * size_of::<Item>()
            + self.by_id.capacity() * 13
            + self.alive.capacity() * 8
            + self.by_content.capacity() * (8 + size_of::<Vec<u32>>() + 1)
            + self.keys.capacity() * (size_of::<Box<str>>() + 5)
            + self.sequences.capacity() * (size_of::<Box<str>>() + size_of::<Vec<(u32, u32)>>() + 1)
    }

    fn forget_content(&mut self, row: u32, hash: u64) {
        if let Some(rows) = self.by_content.get_mut(&hash) {
            rows.retain(|&known| known != row);
            if rows.is_empty() {
                self.by_content.remove(&hash);
            }
        }
    }
}
