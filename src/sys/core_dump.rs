//! Where the system puts the core dump of a process.

use std::path::{Path, PathBuf};

/// The file of a process's core dump, if there is one. (Linux: `core(5)`)
///
/// `None` where the system hands dumps to a program, and where the file's name has a part that only
/// the process knew. A name without a directory is looked for in this process's own.
#[cfg(target_os = "linux")]
pub(crate) fn find(pid: u32, program: &str) -> Option<PathBuf> {
    let setting = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
    let pattern = setting("core_pattern").ok()?;
    let uses_pid = setting("core_uses_pid").is_ok_and(|text| text.trim() != "0");
    let file = expand(pattern.trim_end(), uses_pid, pid, program)?;
    file.is_file()
        .then(|| std::path::absolute(&file).unwrap_or(file))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn find(_: u32, _: &str) -> Option<PathBuf> {
    None
}

/// The name that the system makes of its pattern, if it can be known.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn expand(pattern: &str, uses_pid: bool, pid: u32, program: &str) -> Option<PathBuf> {
    if pattern.starts_with('|') || pattern.is_empty() {
        return None;
    }
    let mut name = String::new();
    let mut has_pid = false;
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            name.push(character);
            continue;
        }
        match rest.next() {
            // At the end it is dropped.
            None => {}
            Some('%') => name.push('%'),
            Some('p' | 'P') => {
                has_pid = true;
                name.push_str(&pid.to_string());
            }
            // The name of the process, which the kernel cuts off.
            Some('e') => name.extend(program.chars().take(15)),
            Some(_) => return None,
        }
    }
    if uses_pid && !has_pid {
        name.push_str(&format!(".{pid}"));
    }
    Some(Path::new(&name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name() {
        for (pattern, uses_pid, expected) in [
            ("core", false, Some("core")),
            ("core", true, Some("core.7")),
            ("/var/core.%p", true, Some("/var/core.7")),
            ("%e-%p%%", false, Some("a-plugin-with-a-7%")),
            ("core%", false, Some("core")),
            ("core.%t", false, None),
            ("|/lib/systemd/systemd-coredump %P", false, None),
            ("", false, None),
        ] {
            let name = expand(pattern, uses_pid, 7, "a-plugin-with-a-long-name");
            assert_eq!(name.as_deref(), expected.map(Path::new), "{pattern}");
        }
    }
}
