//! For tests only, never part of the product: a library that is loaded in front of the C library
//! (`LD_PRELOAD`). It records what a process does to the files of a folder
//! (`waypost_powercut::record`) and makes faults of the disk and of the clock
//! (`waypost_powercut::control`). Without its variables in the environment it changes nothing.
//!
//! A call that could change a watched file and is not understood ends the process, so that a
//! recording never lacks a change in silence.

#![allow(unsafe_code, reason = "it stands in for functions of the C library, which take pointers")]

mod clock;
mod descriptor;
mod faults;
mod folders;
mod log;
mod os;
mod write;

/// Run by the dynamic linker before the program begins.
#[used]
// SAFETY: `.init_array` holds pointers to functions of this type; it is called once, by one thread.
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    faults::start();
    log::start();
}
