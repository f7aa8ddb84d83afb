//! For tests only: what a disk may hold after the power failed.
//!
//! A library that is loaded in front of the C library (`tests/faults`) records what a process does to
//! the files of a folder ([`record`]). [`disk`] follows such a recording and knows at each moment
//! what is on stable storage and what is not yet; [`cut`] works out one of the many states that a
//! power cut may then leave, and writes it into a folder, where the store is opened. [`control`] is
//! the page through which a test switches faults on and off in a running process.

pub mod control;
pub mod cut;
pub mod dice;
pub mod disk;
pub mod record;
