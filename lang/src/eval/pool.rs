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
    /// What is before it is there to stay as it is: a place there is not used again.
    floor: u32,
}

/// How a pool was before it got more lists.
#[derive(Debug)]
pub(crate) struct Mark {
    len: usize,
    free: Vec<Vec<u32>>,
    floor: u32,
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { items: Vec::new(), free: Vec::new(), floor: 0 }
    }
}

impl<T: Clone> Pool<T> {
    /// A pool with room for these many items.
    pub(crate) fn with_capacity(items: usize) -> Pool<T> {
        Pool { items: Vec::with_capacity(items), ..Pool::default() }
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

    /// Lets the lists that there are be as they are, until [`Pool::forget`] throws away what came after, or [`Pool::keep`] keeps it.
    pub(crate) fn mark(&mut self) -> Mark {
        let len = self.items.len();
        let floor = std::mem::replace(&mut self.floor, len as u32);
        Mark { len, free: std::mem::take(&mut self.free), floor }
    }

    /// Throws away every list that was made after a mark, and what those before it got more.
    pub(crate) fn forget(&mut self, mark: Mark) {
        self.items.truncate(mark.len);
        self.free = mark.free;
        self.floor = mark.floor;
    }

    /// Keeps what was made after a mark.
    pub(crate) fn keep(&mut self, mark: Mark) {
        self.floor = mark.floor;
        for (room, places) in mark.free.into_iter().enumerate() {
            places.into_iter().for_each(|start| self.release(room as u32, start));
        }
    }

    fn release(&mut self, room: u32, start: u32) {
        if start < self.floor {
            return;
        }
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

    fn fill(pool: &mut Pool<u32>, run: &mut Run, items: std::ops::Range<u32>) {
        for i in items {
            pool.push(run, i);
        }
    }

    #[test]
    fn what_came_after_a_mark_is_forgotten_and_the_rest_is_as_it_was() {
        let mut pool: Pool<u32> = Pool::default();
        let mut a = Run::default();
        fill(&mut pool, &mut a, 0..4);
        let (before, mark) = (a, pool.mark());
        // It moves, and its old place must not be taken by another list.
        fill(&mut pool, &mut a, 4..9);
        for _ in 0..10 {
            let mut b = Run::default();
            fill(&mut pool, &mut b, 70..74);
        }
        pool.forget(mark);
        assert_eq!(pool.get(before), [0, 1, 2, 3]);
        let (mut a, mark) = (before, pool.mark());
        fill(&mut pool, &mut a, 4..9);
        pool.keep(mark);
        assert_eq!(pool.get(a), (0..9).collect::<Vec<_>>());
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
