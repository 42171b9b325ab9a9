//! The names of a simulated folder: as the running system sees them, and as a power cut would leave them.

use std::collections::BTreeMap;

use super::Random;

type Names = BTreeMap<String, usize>;

#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    seen: Names,
    durable: Names,
    /// Changes since the last folder sync, in order.
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Link { name: String, number: usize },
    Unlink { name: String },
    Rename { from: String, to: String, number: usize },
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Change::Link { name, number } => {
                names.insert(name.clone(), *number);
            }
            Change::Unlink { name } => {
                names.remove(name);
            }
            Change::Rename { from, to, number } => {
                names.remove(from);
                names.insert(to.clone(), *number);
            }
        }
    }
}

impl Folder {
    pub(super) fn names(&self) -> Vec<String> {
        self.seen.keys().cloned().collect()
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.seen.values().copied()
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.seen.get(name).copied()
    }

    pub(super) fn link(&mut self, name: &str, number: usize) {
        self.change(Change::Link { name: name.to_owned(), number });
    }

    pub(super) fn unlink(&mut self, name: &str) {
        self.change(Change::Unlink { name: name.to_owned() });
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) {
        let number = self.seen[from];
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), number });
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.seen.clone();
        self.unsynced.clear();
    }

    /// All, none, the first few or any of the unsynced changes survive.
    pub(super) fn after_crash(&self, random: &mut Random) -> Folder {
        let mut names = self.durable.clone();
        let in_order = random.one_in(2);
        let kept = random.below(self.unsynced.len() as u64 + 1) as usize;
        for (index, change) in self.unsynced.iter().enumerate() {
            if if in_order { index < kept } else { random.one_in(2) } {
                change.apply(&mut names);
            }
        }
        Folder { seen: names.clone(), durable: names, unsynced: Vec::new() }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_undoes_any_unsynced_change_and_no_synced_one() {
        let mut folder = Folder::default();
        folder.link("old", 0);
        folder.sync();
        folder.link("tmp", 1);
        folder.rename("tmp", "new");
        folder.unlink("old");
        assert_eq!(folder.names(), ["new"]);
        let mut found = std::collections::BTreeSet::new();
        for seed in 0..200 {
            found.insert(folder.after_crash(&mut Random::new(seed)).names());
        }
        assert!(found.contains(&vec!["old".to_owned()]), "all undone");
        assert!(found.contains(&vec!["new".to_owned()]), "all kept");
        assert!(found.contains(&vec!["new".to_owned(), "old".to_owned()]), "only the removal undone");
        assert!(found.contains(&vec!["tmp".to_owned()]), "only the rename undone");
        folder.sync();
        assert_eq!(folder.after_crash(&mut Random::new(3)).names(), ["new"]);
    }
}
