//! What can be said about an executable that would not start or did not speak.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use plugwire_base::escape::Escaped;

/// Facts about the file that `program` names, one a line; an empty text if there is no file.
pub(super) fn notes(program: &OsStr) -> String {
    let Some((path, metadata)) = find(program) else {
        return String::new();
    };
    let mut notes = format!(
        "Additional notes about plugin:\n  Path: {}\n",
        path.display()
    );
    system::describe(&metadata, &mut notes);
    let mut start = Vec::new();
    // An unreadable file leaves `start` empty, and its mode, just noted, says why.
    let _ = File::open(&path).and_then(|file| file.take(4096).read_to_end(&mut start));
    if let Some(format) = format_of(&start) {
        let here = std::env::consts::ARCH;
        let _ = writeln!(notes, "  {format} (current architecture: {here})");
    }
    notes
}

/// The file that starting `program` would run: the path itself, or the first on `PATH`.
pub(super) fn find(program: &OsStr) -> Option<(PathBuf, Metadata)> {
    let direct = Path::new(program);
    let candidates = if direct.components().count() > 1 || direct.is_absolute() {
        vec![direct.to_owned()]
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|directory| directory.join(direct))
            .collect()
    };
    candidates.into_iter().find_map(|path| {
        let metadata = path.metadata().ok()?;
        Some((path, metadata))
    })
}

/// What kind of executable begins with these bytes, and for which machine.
fn format_of(start: &[u8]) -> Option<String> {
    let architecture = |format, machine: Option<&str>| {
        let machine = machine.unwrap_or("unknown");
        Some(format!("{format} architecture: {machine}"))
    };
    match start {
        [0x7f, b'E', b'L', b'F', ..] => {
            let bytes = start.get(18..20)?.try_into().ok()?;
            let big_endian = start[5] == 2;
            let machine = if big_endian {
                u16::from_be_bytes(bytes)
            } else {
                u16::from_le_bytes(bytes)
            };
            architecture("ELF", elf_machine(machine))
        }
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => {
            let cpu = u32::from_le_bytes(start.get(4..8)?.try_into().ok()?);
            architecture("Mach-O", macho_machine(cpu))
        }
        [0xca, 0xfe, 0xba, 0xbe, ..] => architecture("Mach-O", Some("universal")),
        [b'M', b'Z', ..] => {
            let header = u32::from_le_bytes(start.get(0x3c..0x40)?.try_into().ok()?) as usize;
            let coff = start.get(header..)?.strip_prefix(b"PE\0\0")?;
            let machine = u16::from_le_bytes(coff.get(..2)?.try_into().ok()?);
            architecture("PE", pe_machine(machine))
        }
        [b'#', b'!', line @ ..] => {
            let line = line.split(|&byte| byte == b'\n').next()?.trim_ascii();
            let line = String::from_utf8_lossy(&line[..line.len().min(128)]);
            Some(format!("Script, run by: {}", Escaped(line)))
        }
        _ => None,
    }
}

fn elf_machine(machine: u16) -> Option<&'static str> {
    Some(match machine {
        3 => "x86",
        8 => "mips",
        20 => "powerpc",
        21 => "powerpc64",
        22 => "s390x",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv",
        258 => "loongarch",
        _ => return None,
    })
}

fn macho_machine(cpu: u32) -> Option<&'static str> {
    Some(match cpu {
        0x0000_0007 => "x86",
        0x0100_0007 => "x86_64",
        0x0000_000c => "arm",
        0x0100_000c => "aarch64",
        _ => return None,
    })
}

fn pe_machine(machine: u16) -> Option<&'static str> {
    Some(match machine {
        0x014c => "x86",
        0x01c0 => "arm",
        0x6264 => "loongarch64",
        0x8664 => "x86_64",
        0xaa64 => "aarch64",
        _ => return None,
    })
}

#[cfg(unix)]
mod system {
    use std::fmt::Write as _;
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt;

    pub(super) fn describe(metadata: &Metadata, notes: &mut String) {
        let kind = if metadata.is_dir() { 'd' } else { '-' };
        let bits: String = (0..9)
            .map(|bit| match metadata.mode() & (0o400 >> bit) {
                0 => '-',
                _ => ['r', 'w', 'x'][bit % 3],
            })
            .collect();
        let user = rustix::process::geteuid().as_raw();
        let group = rustix::process::getegid().as_raw();
        let _ = writeln!(notes, "  Mode: {kind}{bits}");
        let _ = writeln!(notes, "  Owner: {} (current: {user})", metadata.uid());
        let _ = writeln!(notes, "  Group: {} (current: {group})", metadata.gid());
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::Metadata;

    pub(super) fn describe(metadata: &Metadata, notes: &mut String) {
        let mode = if metadata.is_dir() {
            "directory"
        } else {
            "file"
        };
        notes.push_str(&format!("  Mode: {mode}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_of_executables_are_told() {
        let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1];
        elf.resize(64, 0);
        elf[18] = 183;
        assert_eq!(format_of(&elf).unwrap(), "ELF architecture: aarch64");
        elf[5] = 2;
        elf[18..20].copy_from_slice(&[0, 22]);
        assert_eq!(format_of(&elf).unwrap(), "ELF architecture: s390x");

        let macho = [0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1];
        assert_eq!(format_of(&macho).unwrap(), "Mach-O architecture: aarch64");

        let mut pe = b"MZ".to_vec();
        pe.resize(0x80, 0);
        pe[0x3c] = 0x80;
        pe.extend_from_slice(b"PE\0\0\x64\x86");
        assert_eq!(format_of(&pe).unwrap(), "PE architecture: x86_64");

        assert_eq!(
            format_of(b"#!/usr/bin/env python\nimport sys").unwrap(),
            "Script, run by: /usr/bin/env python"
        );
    }

    #[test]
    fn a_file_cut_short_is_of_no_format() {
        for start in [
            &b""[..],
            b"\x7fELF",
            b"MZ",
            b"MZ\x90\0",
            b"\xcf\xfa\xed\xfe\x07",
            b"text",
        ] {
            assert_eq!(format_of(start), None, "{start:?}");
        }
        let mut far = b"MZ".to_vec();
        far.resize(0x40, 0xff);
        assert_eq!(format_of(&far), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_is_looked_up_as_starting_it_would() {
        let notes = notes(OsStr::new("sh"));
        assert!(
            notes.contains("/sh\n") && notes.contains("Mode: -r"),
            "{notes}"
        );
    }

    #[test]
    fn a_missing_file_has_no_notes() {
        assert_eq!(notes(OsStr::new("/no/such/file")), "");
        assert_eq!(notes(OsStr::new("no-such-program-anywhere")), "");
    }
}
