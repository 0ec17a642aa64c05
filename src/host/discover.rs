//! Plugins found by the names of their files.

use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// The files in a directory whose names match a pattern: their absolute paths, sorted. (`Discover`)
///
/// `*` stands for any characters, `?` for one, `[a-z]` for one of these and `[^a-z]` for one of the
/// others; a backslash before one of these signs makes it an ordinary character, except on Windows.
/// A slash in the pattern leads into subdirectories. Only names are compared: whether a file can be
/// executed and is a plugin shows when it is launched.
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
/// Fails when the pattern is malformed, and when the working directory, to which `directory` may be
/// relative, is unknown. A directory that does not exist has no plugins.
pub fn discover(pattern: &str, directory: impl AsRef<Path>) -> Result<Vec<PathBuf>, DiscoverError> {
    let directory = match directory.as_ref() {
        nowhere if nowhere.as_os_str().is_empty() => Path::new("."),
        directory => directory,
    };
    let directory = std::path::absolute(directory).map_err(DiscoverError::Directory)?;
    let not_text = || {
        let path = directory.display().to_string();
        DiscoverError::Directory(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{path} is not UTF-8"),
        ))
    };
    // The directory's own name may have the special signs of a pattern.
    let base = Pattern::escape(directory.to_str().ok_or_else(not_text)?);
    let whole = format!("{base}/{}", translated(pattern).trim_matches('/'));
    let options = MatchOptions {
        require_literal_separator: true,
        ..MatchOptions::new()
    };
    let found = glob::glob_with(&whole, options).map_err(|error| DiscoverError::Pattern {
        pattern: pattern.to_owned(),
        reason: error.msg,
    })?;
    // A directory that cannot be read has no plugins for this host.
    let mut found: Vec<PathBuf> = found.filter_map(Result::ok).collect();
    found.sort();
    Ok(found)
}

/// Go's pattern in the syntax of the crate that matches it.
fn translated(pattern: &str) -> String {
    let mut translated = String::new();
    let mut rest = pattern.chars();
    while let Some(next) = rest.next() {
        match next {
            // Two mean the same as one. To the crate they would mean any directories.
            '*' if translated.ends_with('*') => {}
            '\\' if cfg!(not(windows)) => {
                let literal = rest.next().unwrap_or('\\');
                translated += &Pattern::escape(literal.encode_utf8(&mut [0; 4]));
            }
            '[' => {
                let Some((class, behind)) = rest.as_str().split_once(']') else {
                    // The crate refuses it, as Go does.
                    return translated + "[" + rest.as_str();
                };
                rest = behind.chars();
                // Go negates by `^`, the crate by `!`.
                match (class.strip_prefix('^'), class.strip_prefix('!')) {
                    (Some(class), _) => translated += &format!("[!{class}]"),
                    (_, Some("")) => translated.push('!'),
                    (_, Some(class)) => translated += &format!("[{class}!]"),
                    _ => translated += &format!("[{class}]"),
                }
            }
            other => translated.push(other),
        }
    }
    translated
}

/// Why plugins could not be searched for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The pattern is malformed.
    #[error("syntax error in pattern {pattern:?}: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The directory cannot be named.
    #[error("cannot look into the directory")]
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

    /// As go-plugin's `Discover` finds them in the same directory.
    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir(base.path().join("sub")).unwrap();
        for name in ["a.po", "b.po", "c.pot", "x*.po", "sub/d.po"] {
            std::fs::write(base.path().join(name), "").unwrap();
        }
        let cases: [(&str, &[&str]); 11] = [
            ("**", &["a.po", "b.po", "c.pot", "sub", "x*.po"]),
            ("a**o", &["a.po"]),
            ("**/*.po", &["sub/d.po"]),
            ("x\\*.po", &["x*.po"]),
            ("[^b].po", &["a.po"]),
            ("[!b].po", &["b.po"]),
            ("[a-b].po", &["a.po", "b.po"]),
            ("/*.po", &["a.po", "b.po", "x*.po"]),
            ("sub/", &["sub"]),
            ("{a,b}.po", &[]),
            ("", &[""]),
        ];
        for (pattern, expected) in cases {
            let found = discover(pattern, base.path()).unwrap();
            assert_eq!(names(&found, base.path()), expected, "{pattern}");
        }
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
        assert_eq!(discover("Cargo.toml", "").unwrap(), found);
        assert!(discover("*", "/no/such/directory").unwrap().is_empty());
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        for pattern in ["[a", "[]", "[^"] {
            let error = discover(pattern, ".").unwrap_err();
            let text = format!("syntax error in pattern {pattern:?}: ");
            assert!(error.to_string().starts_with(&text), "{error}");
        }
    }
}
