//! What the operating system knows of a process.

use std::time::Duration;

/// Whether a process exists that is not merely waiting to be reaped. Linux only.
#[must_use]
pub fn is_running(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

/// Whether a process has ended and waits to be reaped. Linux only.
#[must_use]
pub fn is_zombie(pid: u32) -> bool {
    state(pid) == Some('Z')
}

fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The state follows the name, which is in parentheses and may hold anything.
    stat.rsplit(") ").next()?.chars().next()
}

/// Whether a process exists at all, even one that waits to be reaped.
#[cfg(unix)]
#[must_use]
pub fn exists(pid: u32) -> bool {
    rustix::process::test_kill_process(raw(pid)) != Err(rustix::io::Errno::SRCH)
}

/// A process id as rustix has it.
#[cfg(unix)]
#[must_use]
pub fn raw(pid: u32) -> rustix::process::Pid {
    let pid = i32::try_from(pid).ok();
    pid.and_then(rustix::process::Pid::from_raw)
        .expect("a process id")
}

/// The processor time that this thread has used: unlike a clock's, it does not depend on what else
/// the machine does.
#[cfg(unix)]
#[must_use]
pub fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("no thread runs for less than no time")
}

/// The time since this thread first asked, where the processor's is not to be had.
#[cfg(not(unix))]
#[must_use]
pub fn thread_time() -> Duration {
    use std::time::Instant;
    thread_local!(static START: Instant = Instant::now());
    START.with(Instant::elapsed)
}
