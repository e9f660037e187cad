//! Many short lists in one array.
//!
//! A vertex has a few conjuncts and a few fields, and there are very many vertices: a list of its own for each would cost more for its bookkeeping than
//! for what is in it. A [`Pool`] keeps all of them in one array; a [`Run`] says where one of them is. A list that grows out of its place moves to a larger one, and the old place is used
//! again for the next list of its size.

/// Where a list is in its pool. Its place has room for as many items as the next power of two says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    start: u32,
    len: u32,
}

impl Run {
    /// How many items it has.
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }

    /// Whether it has none.
    pub(crate) fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// The lists.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    items: Vec<T>,
    /// Places that are free, by the power of two of their size.
    free: Vec<Vec<u32>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { items: Vec::new(), free: Vec::new() }
    }
}

impl<T: Clone> Pool<T> {
    /// A pool with room for these many items.
    pub(crate) fn with_capacity(items: usize) -> Pool<T> {
        Pool { items: Vec::with_capacity(items), free: Vec::new() }
    }

    /// How many items there is room for in all lists.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The items of a list.
    pub(crate) fn get(&self, run: Run) -> &[T] {
        &self.items[run.start as usize..(run.start + run.len) as usize]
    }

    /// The items of a list, to be changed.
    pub(crate) fn get_mut(&mut self, run: Run) -> &mut [T] {
        &mut self.items[run.start as usize..(run.start + run.len) as usize]
    }

    /// Adds an item. Gives how many bytes more the pool takes.
    pub(crate) fn push(&mut self, run: &mut Run, item: T) -> usize {
        let before = self.items.len();
        if run.len == 0 {
            run.start = self.place(0, &item);
        } else if run.len.is_power_of_two() {
            let full = run.len.trailing_zeros();
            let start = self.place(full + 1, &item);
            for i in 0..run.len as usize {
                self.items[start as usize + i] = self.items[run.start as usize + i].clone();
            }
            self.release(full, run.start);
            run.start = start;
        }
        self.items[(run.start + run.len) as usize] = item;
        run.len += 1;
        (self.items.len() - before) * size_of::<T>()
    }

    /// Empties a list and gives its place back.
    pub(crate) fn clear(&mut self, run: &mut Run) {
        if run.len > 0 {
            self.release(run.len.next_power_of_two().trailing_zeros(), run.start);
        }
        *run = Run::default();
    }

    /// A place for a power of two of items, filled with whatever is at hand.
    fn place(&mut self, room: u32, filler: &T) -> u32 {
        if let Some(start) = self.free.get_mut(room as usize).and_then(Vec::pop) {
            return start;
        }
        let start = self.items.len();
        self.items.resize(start + (1 << room), filler.clone());
        start as u32
    }

    fn release(&mut self, room: u32, start: u32) {
        let room = room as usize;
        if self.free.len() <= room {
            self.free.resize_with(room + 1, Vec::new);
        }
        self.free[room].push(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_grow_beside_each_other() {
        let mut pool: Pool<u32> = Pool::default();
        let (mut a, mut b) = (Run::default(), Run::default());
        for i in 0..100 {
            pool.push(&mut a, i);
            pool.push(&mut b, 1000 + i);
        }
        assert_eq!(pool.get(a), (0..100).collect::<Vec<_>>());
        assert_eq!(pool.get(b), (1000..1100).collect::<Vec<_>>());
        pool.clear(&mut a);
        assert!(a.is_empty() && pool.get(a).is_empty());
        assert_eq!(b.len(), 100);
    }

    #[test]
    fn places_are_used_again() {
        let mut pool: Pool<u32> = Pool::default();
        for _ in 0..1000 {
            let mut a = Run::default();
            for i in 0..5 {
                pool.push(&mut a, i);
            }
            pool.clear(&mut a);
        }
        assert!(pool.items.len() <= 1 + 2 + 4 + 8);
    }
}
