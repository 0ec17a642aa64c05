//! When a process was started: with its id, what distinguishes it from every other process.

use serde::{Deserialize, Serialize};

/// When a process was started, by the system's own clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessStart {
    /// Which run of the system it was.
    boot: String,
    /// The time since the system began, in ticks.
    ticks: u64,
}

impl ProcessStart {
    /// That of a process. `None` where there is no process of this id, or where the system does not
    /// say.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        system::start_of(pid)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::fs::read_to_string;

    use super::ProcessStart;

    pub(super) fn start_of(pid: u32) -> Option<ProcessStart> {
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let boot = read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(ProcessStart {
            boot: boot.trim().to_owned(),
            ticks: ticks_in(&stat)?,
        })
    }

    /// The 22nd field of `proc_pid_stat(5)`: `PID (NAME) STATE PARENT …`, where the name may have
    /// any characters.
    pub(super) fn ticks_in(stat: &str) -> Option<u64> {
        let rest = stat.rsplit(')').next()?;
        rest.split_whitespace().nth(19)?.parse().ok()
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use super::ProcessStart;

    pub(super) fn start_of(_: u32) -> Option<ProcessStart> {
        None
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_the_22nd_field_behind_any_name() {
        let stat = "7 (a) b) (c) R 1 7 7 0 -1 4194560 0 0 0 0 1 2 3 4 20 0 1 0 4711 99 18";
        assert_eq!(system::ticks_in(stat), Some(4711));
        assert_eq!(system::ticks_in("7 (a) R 1 7"), None);
        assert_eq!(system::ticks_in(""), None);
    }

    #[test]
    fn it_is_the_same_each_time_and_of_one_process() {
        let own = ProcessStart::of(std::process::id()).unwrap();
        assert_eq!(ProcessStart::of(std::process::id()), Some(own.clone()));
        assert_ne!(ProcessStart::of(1), Some(own));
        assert_eq!(ProcessStart::of(u32::MAX), None);
    }
}
