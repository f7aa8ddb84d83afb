//! The wall clock, which a test may set back and forward. Monotonic clocks stay as they are.

use crate::faults;
use crate::os::{self, call, word};
use libc::{c_int, clockid_t, timespec};
use waypost_powercut::control::Word;

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    let result = call(libc::SYS_clock_gettime, [word(i64::from(clock)), time as usize, 0, 0, 0, 0]);
    let offset = faults::value(Word::ClockOffset).cast_signed();
    let wall = matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE);
    if result == 0 && wall && offset != 0 {
        // SAFETY: the system call has just written there.
        unsafe { (*time).tv_sec += offset };
    }
    os::int(result)
}
