//! Plugins found by the names of their files.

use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// The files in a directory whose names match a pattern: their absolute paths, sorted. (`Discover`)
///
/// `*` stands for any characters, `?` for one and `[a-z]` for one of these. A slash in the pattern
/// leads into subdirectories. That a file matches is all there is to it: whether it can be executed
/// and is a plugin shows when it is launched.
///
/// ```
/// use plugwire::host::discover;
///
/// for path in discover("terraform-provider-*", ".")? {
///     println!("{}", path.display());
/// }
/// # Ok::<(), plugwire::host::DiscoverError>(())
/// ```
///
/// # Errors
///
/// Fails when the pattern is none, and when the working directory, to which `directory` may be
/// relative, is unknown. A directory that does not exist has no plugins.
pub fn discover(pattern: &str, directory: impl AsRef<Path>) -> Result<Vec<PathBuf>, DiscoverError> {
    let directory = std::path::absolute(directory).map_err(DiscoverError::Directory)?;
    let not_text = || {
        let path = directory.display().to_string();
        DiscoverError::Directory(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{path} is not UTF-8"),
        ))
    };
    // What is special in a pattern may well be in the directory's own name.
    let base = Pattern::escape(directory.to_str().ok_or_else(not_text)?);
    // Go writes the negation as regular expressions do.
    let pattern = pattern.replace("[^", "[!");
    let whole = format!("{base}/{}", pattern.trim_start_matches('/'));
    let options = MatchOptions {
        require_literal_separator: true,
        ..MatchOptions::new()
    };
    let found = glob::glob_with(&whole, options).map_err(|error| DiscoverError::Pattern {
        pattern,
        reason: error.msg,
    })?;
    // A directory that cannot be read has no plugins for this host.
    let mut found: Vec<PathBuf> = found.filter_map(Result::ok).collect();
    found.sort();
    Ok(found)
}

/// Why plugins could not be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The pattern is none.
    #[error("syntax error in pattern {pattern:?}: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The directory cannot be named.
    #[error("cannot look into the directory: {0}")]
    Directory(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[PathBuf], base: &Path) -> Vec<String> {
        found
            .iter()
            .map(|path| path.strip_prefix(base).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn matching_files_are_found_in_order() {
        let base = tempfile::tempdir().unwrap();
        for name in ["b.po", "a.po", "c.pot", "po", ".hidden.po"] {
            std::fs::write(base.path().join(name), "").unwrap();
        }
        std::fs::create_dir(base.path().join("sub")).unwrap();
        std::fs::write(base.path().join("sub/d.po"), "").unwrap();

        let found = discover("*.po", base.path()).unwrap();
        assert!(found.iter().all(|path| path.is_absolute()));
        assert_eq!(names(&found, base.path()), [".hidden.po", "a.po", "b.po"]);
        let found = discover("[^b].po", base.path()).unwrap();
        assert_eq!(names(&found, base.path()), ["a.po"]);
        let found = discover("*/*.po", base.path()).unwrap();
        assert_eq!(names(&found, base.path()), ["sub/d.po"]);
        assert!(discover("*.none", base.path()).unwrap().is_empty());
    }

    #[test]
    fn the_directory_is_taken_literally() {
        let base = tempfile::tempdir().unwrap();
        let odd = base.path().join("[a-z]*");
        std::fs::create_dir(&odd).unwrap();
        std::fs::write(odd.join("x.po"), "").unwrap();
        let found = discover("*.po", &odd).unwrap();
        assert_eq!(names(&found, &odd), ["x.po"]);
    }

    #[test]
    fn a_directory_may_be_relative_or_missing() {
        let found = discover("Cargo.toml", ".").unwrap();
        assert!(found[0].is_absolute() && found[0].ends_with("Cargo.toml"));
        assert!(discover("*", "/no/such/directory").unwrap().is_empty());
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        let error = discover("[a", ".").unwrap_err();
        assert!(
            error.to_string().starts_with("syntax error in pattern"),
            "{error}"
        );
    }
}
