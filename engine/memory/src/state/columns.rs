//! The cortical columns: which concept each holds, and how a column comes and goes (SPEC 2.2).

use cortexkg_compute::kernels::shared::columns;

use crate::answer::Role;
use crate::ids::ColumnId;

/// States of a column (SPEC 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColumnState {
    /// Holds nothing.
    #[default]
    Available = columns::AVAILABLE as isize,
    /// Driven by a new memory.
    Activated = columns::ACTIVATED as isize,
    /// In competition with others.
    Competing = columns::COMPETING as isize,
    /// Holds a concept.
    Allocated = columns::ALLOCATED as isize,
    /// Recovering; takes nothing.
    Refractory = columns::REFRACTORY as isize,
}

impl ColumnState {
    /// The state of a number, as `as u8` gives it.
    pub fn of(number: u8) -> Option<Self> {
        use ColumnState::*;
        [Available, Activated, Competing, Allocated, Refractory]
            .into_iter()
            .find(|&state| state as u8 == number)
    }

    /// Whether SPEC 2.2 allows the change.
    pub fn may_become(self, next: ColumnState) -> bool {
        columns::may_change(self as u32, next as u32)
    }
}

/// One column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Where it stands in its life.
    pub state: ColumnState,
    /// Memories it holds.
    pub members: u32,
    /// Of them, exceptions.
    pub exceptions: u32,
}

/// All columns.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    list: Vec<Column>,
    free: Vec<u32>,
    /// Columns that the device has not seen as they are.
    stale: Vec<u32>,
}

impl Columns {
    /// All columns, and those that are free in the order they became so.
    pub fn from_list(list: Vec<Column>, free: Vec<u32>) -> Self {
        Columns { list, free, stale: Vec::new() }
    }

    /// Columns that are free, in the order they became so: the last is taken first.
    pub fn free(&self) -> &[u32] {
        &self.free
    }

    /// The columns that the next `count` new concepts get: released ones first, then one more each.
    pub fn vacants(&self, count: usize) -> Vec<ColumnId> {
        let released = self.free.iter().rev().copied();
        released.chain(self.list.len() as u32..).take(count).map(ColumnId).collect()
    }

    /// The column, if it exists.
    pub fn get(&self, id: ColumnId) -> Option<&Column> {
        self.list.get(id.0 as usize)
    }

    /// Puts a memory into a column, allocating it if it is vacant.
    pub fn join(&mut self, id: ColumnId, role: Role) {
        let ix = id.0 as usize;
        if self.list.len() <= ix {
            self.list.resize(ix + 1, Column::default());
        }
        self.stale.push(id.0);
        if let Some(at) = self.free.iter().rposition(|&free| free == id.0) {
            self.free.remove(at);
        }
        let column = &mut self.list[ix];
        if column.state == ColumnState::Available {
            for next in [ColumnState::Activated, ColumnState::Competing, ColumnState::Allocated] {
                assert!(column.state.may_become(next), "{:?} to {next:?}; this is a bug", column.state);
                column.state = next;
            }
        }
        column.members += 1;
        column.exceptions += u32::from(matches!(role, Role::ExceptionTo(_)));
    }

    /// A memory of a column becomes something else there.
    pub fn change_role(&mut self, id: ColumnId, from: Role, to: Role) {
        let is_exception = |role: Role| u32::from(matches!(role, Role::ExceptionTo(_)));
        let column = &mut self.list[id.0 as usize];
        column.exceptions = column.exceptions + is_exception(to) - is_exception(from);
    }

    /// Takes a memory out of a column; an empty column is released. Returns whether it was.
    pub fn leave(&mut self, id: ColumnId, role: Role) -> bool {
        let column = &mut self.list[id.0 as usize];
        column.members -= 1;
        column.exceptions -= u32::from(matches!(role, Role::ExceptionTo(_)));
        if column.members > 0 {
            return false;
        }
        // Nothing else happens between these steps, so the recovery is over when the next memory comes.
        for next in [ColumnState::Refractory, ColumnState::Available] {
            assert!(column.state.may_become(next), "{:?} to {next:?}; this is a bug", column.state);
            column.state = next;
        }
        self.free.push(id.0);
        self.stale.push(id.0);
        true
    }

    /// Columns that changed since the last call.
    pub fn take_stale(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.stale)
    }

    /// The device knows none of them.
    pub fn mark_all_stale(&mut self) {
        self.stale = (0..self.list.len() as u32).collect();
    }

    /// Columns that hold something.
    pub fn allocated(&self) -> u64 {
        (self.list.len() - self.free.len()) as u64
    }

    /// All columns.
    pub fn list(&self) -> &[Column] {
        &self.list
    }

    /// Bytes of all arrays.
    pub fn bytes(&self) -> usize {
        self.list.capacity() * size_of::<Column>() + self.free.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MemoryId;

    #[test]
    fn only_the_changes_of_the_specification_are_allowed() {
        use ColumnState::*;
        let all = [Available, Activated, Competing, Allocated, Refractory];
        let allowed: Vec<(usize, usize)> =
            (0..25).map(|n| (n / 5, n % 5)).filter(|&(from, to)| all[from].may_become(all[to])).collect();
        assert_eq!(
            allowed,
            [(0, 0), (0, 1), (1, 0), (1, 2), (2, 0), (2, 3), (2, 4), (3, 3), (3, 4), (4, 0), (4, 4)]
        );
    }

    #[test]
    fn an_empty_column_is_released_and_used_again() {
        let mut columns = Columns::default();
        let first = columns.vacants(1)[0];
        columns.join(first, Role::Founder);
        columns.join(first, Role::ExceptionTo(MemoryId(1)));
        let second = columns.vacants(1)[0];
        assert_ne!(first, second);
        columns.join(second, Role::Founder);
        assert!(!columns.leave(first, Role::ExceptionTo(MemoryId(1))));
        assert!(columns.leave(first, Role::Founder));
        assert_eq!((columns.vacants(1)[0], columns.allocated()), (first, 1));
        columns.join(first, Role::Founder);
        assert_eq!(
            columns.get(first),
            Some(&Column { state: ColumnState::Allocated, members: 1, exceptions: 0 })
        );
    }
}
