//! Files that a group shares.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

/// Gives a file to a group, by name or number, and sets its mode. (`setGroupWritable`)
pub(crate) fn share(path: &Path, group: &str, mode: u32) -> io::Result<()> {
    // The mode comes last, so that the former group never has the new one's rights.
    chown(path, None, Some(number(group)?)).map_err(|error| {
        let text = format!("cannot give it to the group {group:?}: {error}");
        io::Error::new(error.kind(), text)
    })?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

/// A group's number, which may be what it is called by.
pub(crate) fn number(group: &str) -> io::Result<u32> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let groups = std::fs::read_to_string("/etc/group")?;
    number_of(group, &groups).ok_or_else(|| {
        let text = format!("failed to find gid from {group:?}: no such group");
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}

/// Looks a group up in `/etc/group`: `name:password:number:members`.
fn number_of(name: &str, groups: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        fields.nth(1)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_numbers() {
        let groups = "root:x:0:\n# a comment\nplugins:x:1042:ada,grace\nbroken:x\n";
        assert_eq!(number_of("plugins", groups), Some(1042));
        assert_eq!(number_of("root", groups), Some(0));
        assert_eq!(number_of("broken", groups), None);
        assert_eq!(number_of("nobody", groups), None);
    }

    #[test]
    fn a_file_is_shared() {
        use std::os::unix::fs::MetadataExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        let own = rustix::process::getegid().as_raw();
        share(file.path(), &own.to_string(), 0o660).unwrap();
        let metadata = file.path().metadata().unwrap();
        assert_eq!((metadata.gid(), metadata.mode() & 0o777), (own, 0o660));
        let error = share(file.path(), "no such group", 0o660).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
