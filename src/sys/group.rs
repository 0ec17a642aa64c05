//! Groups that share files.

use std::io;

use rustix::fs::Gid;

/// The number of a group, given by name or number.
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

/// Gives a file to a group, given by name or number. `give` changes the file. (`setGroupWritable`)
pub(crate) fn share(group: &str, give: impl FnOnce(Gid) -> io::Result<()>) -> io::Result<()> {
    give(Gid::from_raw(number(group)?)).map_err(|error| {
        let text = format!("cannot give it to the group {group:?}: {error}");
        io::Error::new(error.kind(), text)
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
        assert_eq!(number_of("unknown", groups), None);
    }

    #[test]
    fn a_directory_is_shared() {
        use std::os::unix::fs::MetadataExt;
        let base = tempfile::tempdir().unwrap();
        let directory = crate::sys::private_dir::PrivateDir::create_in(base.path()).unwrap();
        let own = rustix::process::getegid().as_raw();
        let give = |group| directory.held().share(group);
        share(&own.to_string(), give).unwrap();
        let metadata = directory.path().metadata().unwrap();
        assert_eq!((metadata.gid(), metadata.mode() & 0o777), (own, 0o770));
        let error = share("no such group", give).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
