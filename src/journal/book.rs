//! The last lines of all units, in memory, for `tenantd logs` and `status`. Pure.
//!
//! Each unit has a ring of its own, of 1 KiB once it has written, doubled up to 64 KiB as lines come: a chatty unit
//! pushes out its own lines only. All rings together are 1 MiB at most. Beyond it the largest ring of all is halved for a
//! smaller one that grows, never for one as large: so memory goes to those who need little first, and whoever
//! never wrote costs nothing. If a thousand units have 1 KiB each, the one that is silent longest is forgotten.
//! Readers keep only their place: a slow one costs nothing and is told how many lines went before it came.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::ring::{Lines, Ring, Stamp, cut};
use super::stream::Stream;
use crate::unit::{Name, Pattern};

/// Room in bytes of one ring, at first and at most, and of all. The first two are powers of two.
#[derive(Debug, Clone, Copy)]
struct Limits {
    least: usize,
    most: usize,
    all: usize,
}

const LIMITS: Limits = Limits { least: 1024, most: 64 * 1024, all: 1024 * 1024 };

/// The ring of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RingId(usize);

impl RingId {
    /// Of tenantd's words about no unit.
    pub(super) const OWN: Self = Self(0);
}

/// A line as it was written, for people: escaped, one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'a> {
    /// Whose it is, or whom tenantd tells of; `None` is tenantd itself.
    pub unit: Option<&'a Name>,
    /// The process; `None` is tenantd.
    pub pid: Option<u32>,
    /// `None` is a word of tenantd's own.
    pub stream: Option<Stream>,
    /// Microseconds since 1970.
    pub time: u64,
    /// What it says.
    pub text: &'a str,
}

/// What a reader is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'a> {
    /// A line.
    Line(Kept<'a>),
    /// So many lines went before the reader came: it is too slow.
    Missed(u64),
}

/// What a reader wants to see.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Lines of these units; of all if there is none. `tenantd` is tenantd itself.
    pub units: Vec<Pattern>,
    /// At most so many of those that are kept already.
    pub lines: Option<usize>,
    /// Only from this time on, in microseconds since 1970.
    pub since: Option<u64>,
}

/// How far somebody has read.
#[derive(Debug, Clone)]
pub struct Reader {
    units: Vec<Pattern>,
    /// The next line of each ring; `None` is a ring that is not wanted.
    places: Vec<Option<u64>>,
    /// Lines in the book when it was last read to its end.
    seen: u64,
}

/// The rings.
#[derive(Debug)]
pub(super) struct Book {
    limits: Limits,
    rings: Vec<(Option<Name>, Ring)>,
    names: HashMap<Name, RingId>,
    /// How many rings have `least << n` bytes of room.
    sizes: Vec<usize>,
    /// Room of all.
    total: usize,
    /// Lines there ever were.
    lines: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self::new(LIMITS)
    }
}

impl Book {
    fn new(limits: Limits) -> Self {
        let rings = vec![(None, Ring::default())];
        Self { limits, rings, names: HashMap::new(), sizes: Vec::new(), total: 0, lines: 0 }
    }

    /// The ring of a unit. It costs no room before its first line.
    pub(super) fn ring(&mut self, unit: Option<&Name>) -> RingId {
        let Some(unit) = unit else { return RingId::OWN };
        if let Some(ring) = self.names.get(unit) {
            return *ring;
        }
        let ring = RingId(self.rings.len());
        self.rings.push((Some(unit.clone()), Ring::default()));
        self.names.insert(unit.clone(), ring);
        ring
    }

    /// Adds a line, at a time in microseconds since 1970.
    pub(super) fn push(&mut self, ring: RingId, pid: u32, stream: Option<Stream>, time: u64, text: &[u8]) {
        let Some((_, own)) = self.rings.get(ring.0) else { return };
        let wanted = own.with(text.len());
        if wanted > own.room() && own.room() < self.limits.most {
            self.grow(ring, wanted);
        }
        self.lines += 1;
        let stamp = Stamp { number: self.lines, time, pid, stream };
        if let Some((_, own)) = self.rings.get_mut(ring.0) {
            own.push(stamp, text);
        }
    }

    /// The names that lines are kept under.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.keys()
    }

    /// The last lines of a unit's processes, oldest first, each cut to `width` bytes.
    pub(super) fn tail(&self, unit: &Name, lines: usize, width: usize) -> Vec<String> {
        let Some((_, ring)) = self.names.get(unit).and_then(|ring| self.rings.get(ring.0)) else { return Vec::new() };
        let mut walk = ring.since(0);
        let mut all = Vec::new();
        while let Some(stamp) = walk.peek() {
            if stamp.stream.is_some() {
                all.push(walk.clone());
            }
            walk.advance();
        }
        let text = |line: &Lines| String::from_utf8_lossy(cut(line.text().as_bytes(), width)).into_owned();
        all[all.len().saturating_sub(lines)..].iter().map(text).collect()
    }
}

/// Room.
impl Book {
    /// Doubles the room of a ring until `wanted` bytes fit, or nobody gives more.
    fn grow(&mut self, ring: RingId, wanted: usize) {
        let mut room = self.rings[ring.0].1.room();
        while room < wanted && room < self.limits.most {
            let next = (room * 2).max(self.limits.least);
            if !self.make_room(ring, next - room, next) {
                return;
            }
            self.resize(ring.0, next);
            room = next;
        }
    }

    /// Takes from others, until there are `bytes` left for a ring that will have `next`.
    fn make_room(&mut self, ring: RingId, bytes: usize, next: usize) -> bool {
        while self.total + bytes > self.limits.all {
            let largest = (0..self.sizes.len()).rev().find(|class| self.sizes[*class] > 0);
            let largest = largest.map_or(0, |class| self.limits.least << class);
            let given = if largest > next { self.halve(largest) } else { next == bytes && self.forget(ring) };
            if !given {
                return false;
            }
        }
        true
    }

    /// Halves the ring of this size that is silent longest.
    fn halve(&mut self, size: usize) -> bool {
        let largest = self.rings.iter().enumerate().filter(|(_, (_, ring))| ring.room() == size);
        let silent = largest.min_by_key(|(_, (_, ring))| ring.newest()).map(|(id, _)| id);
        silent.inspect(|id| self.resize(*id, size / 2)).is_some()
    }

    /// Takes all from the ring that is silent longest.
    fn forget(&mut self, except: RingId) -> bool {
        let others = self.rings.iter().enumerate().filter(|(id, (_, ring))| *id != except.0 && ring.room() > 0);
        let silent = others.min_by_key(|(_, (_, ring))| ring.newest()).map(|(id, _)| id);
        silent.inspect(|id| self.resize(*id, 0)).is_some()
    }

    fn resize(&mut self, id: usize, room: usize) {
        let ring = &mut self.rings[id].1;
        let (old, least) = (ring.room(), self.limits.least);
        ring.resize(room);
        self.total = self.total - old + room;
        let class = |room: usize| (room / least).checked_ilog2().map(|class| class as usize);
        if let Some(class) = class(old) {
            self.sizes[class] -= 1;
        }
        if let Some(class) = class(room) {
            self.sizes.resize(self.sizes.len().max(class + 1), 0);
            self.sizes[class] += 1;
        }
    }
}

/// Reading.
impl Book {
    /// A reader at the first line that is wanted.
    pub(super) fn reader(&self, wanted: Wanted) -> Reader {
        let mut reader = Reader { units: wanted.units, places: Vec::new(), seen: 0 };
        self.extend(&mut reader, true);
        for (place, (_, ring)) in reader.places.iter_mut().zip(&self.rings) {
            let (Some(place), Some(since)) = (place, wanted.since) else { continue };
            *place = first(ring, *place, |stamp| stamp.time >= since);
        }
        if let Some(lines) = wanted.lines {
            let from = self.last(&reader, lines);
            for (place, (_, ring)) in reader.places.iter_mut().zip(&self.rings) {
                let Some(place) = place else { continue };
                *place = first(ring, *place, |stamp| stamp.number >= from);
            }
        }
        reader
    }

    /// The number of the first of the last `lines` lines that lie before this reader.
    fn last(&self, reader: &Reader, lines: usize) -> u64 {
        let mut numbers = Vec::new();
        for (place, (_, ring)) in reader.places.iter().zip(&self.rings) {
            let Some(place) = place else { continue };
            let mut walk = ring.since(*place);
            while let Some(stamp) = walk.peek() {
                numbers.push(stamp.number);
                walk.advance();
            }
        }
        numbers.sort_unstable();
        match numbers.len().checked_sub(lines) {
            Some(skipped) => numbers.get(skipped).copied().unwrap_or(u64::MAX),
            None => 0,
        }
    }

    /// Gives out what the reader has not seen, in order, until `take` has enough and says false. True if there is more.
    pub(super) fn read(&self, reader: &mut Reader, take: &mut dyn FnMut(Told) -> bool) -> bool {
        if reader.seen == self.lines {
            return false;
        }
        self.extend(reader, false);
        let missed = self.missed(reader);
        if missed > 0 {
            take(Told::Missed(missed));
        }
        let mut walks = self.ahead(reader);
        let number = |walk: &Lines| walk.peek().map(|stamp| stamp.number);
        let heads = walks.iter().enumerate();
        let mut next: BinaryHeap<_> = heads.filter_map(|(n, (_, walk))| Some(Reverse((number(walk)?, n)))).collect();
        while let Some(Reverse((_, n))) = next.pop() {
            let (ring, walk) = &mut walks[n];
            let enough = !self.tell(*ring, walk, take);
            reader.places[*ring] = reader.places[*ring].map(|place| place + 1);
            walk.advance();
            next.extend(number(walk).map(|number| Reverse((number, n))));
            if enough {
                return true;
            }
        }
        reader.seen = self.lines;
        false
    }

    /// Gives out one line.
    fn tell(&self, ring: usize, walk: &Lines, take: &mut dyn FnMut(Told) -> bool) -> bool {
        let Some(stamp) = walk.peek() else { return true };
        let (unit, pid) = (self.rings[ring].0.as_ref(), Some(stamp.pid).filter(|pid| *pid > 0));
        take(Told::Line(Kept { unit, pid, stream: stamp.stream, time: stamp.time, text: &walk.text() }))
    }

    /// Lines that went before the reader came, since it was last asked.
    fn missed(&self, reader: &mut Reader) -> u64 {
        let mut missed = 0;
        for (place, (_, ring)) in reader.places.iter_mut().zip(&self.rings) {
            let Some(place) = place else { continue };
            let oldest = ring.span().start;
            missed += oldest.saturating_sub(*place);
            *place = oldest.max(*place);
        }
        missed
    }

    /// The rings with lines that the reader has not seen.
    fn ahead(&self, reader: &Reader) -> Vec<(usize, Lines<'_>)> {
        let all = reader.places.iter().zip(&self.rings).enumerate();
        let ahead = all.filter_map(|(id, (place, (_, ring)))| {
            let place = (*place)?;
            (place < ring.span().end).then(|| (id, ring.since(place)))
        });
        ahead.collect()
    }

    /// Rings that the reader does not know yet. Of one that came later it misses what is gone already.
    fn extend(&self, reader: &mut Reader, first: bool) {
        for (unit, ring) in &self.rings[reader.places.len()..] {
            let name = unit.as_ref().map_or(super::OWN, Name::as_str);
            let wanted = reader.units.is_empty() || reader.units.iter().any(|pattern| pattern.matches(name));
            reader.places.push(wanted.then(|| if first { ring.span().start } else { 0 }));
        }
    }
}

/// The first line from `place` on of which `wanted` is true, or the one that comes next.
fn first(ring: &Ring, place: u64, wanted: impl Fn(Stamp) -> bool) -> u64 {
    let mut line = place.max(ring.span().start);
    let mut walk = ring.since(line);
    while let Some(stamp) = walk.peek() {
        if wanted(stamp) {
            return line;
        }
        line += 1;
        walk.advance();
    }
    line
}

#[cfg(test)]
mod tests;
