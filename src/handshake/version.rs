//! The lists of app versions, and the version that both sides know.

/// The value of [`ENV_PROTOCOL_VERSIONS`](super::ENV_PROTOCOL_VERSIONS) for a host that knows these
/// versions.
#[must_use]
pub fn print_versions(versions: &[u32]) -> String {
    versions
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

/// Reads the value of [`ENV_PROTOCOL_VERSIONS`](super::ENV_PROTOCOL_VERSIONS). An item that is no
/// version number is skipped with a warning: one bad item must not hide the good ones.
#[must_use]
pub fn parse_versions(value: &str) -> Vec<u32> {
    if value.is_empty() {
        return Vec::new();
    }
    let parse = |item: &str| match item.parse() {
        Ok(version) => Some(version),
        Err(_) => {
            tracing::warn!("host sent invalid plugin version {item:?}");
            None
        }
    };
    value.split(',').filter_map(parse).collect()
}

/// The version that a plugin serves: the highest of its own that the host listed. When there is
/// none, its lowest, so that a host that lists nothing gets the oldest interface, and any other
/// host can report the mismatch. `None` only for a plugin without versions.
#[must_use]
pub fn choose_version(plugin: &[u32], host: &[u32]) -> Option<u32> {
    let common = plugin.iter().filter(|version| host.contains(version)).max();
    common.or_else(|| plugin.iter().min()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_printed_and_read() {
        assert_eq!(print_versions(&[1, 4, 2]), "1,4,2");
        assert_eq!(parse_versions("1,4,2"), [1, 4, 2]);
        assert_eq!(parse_versions(""), [0u32; 0]);
    }

    #[test]
    fn invalid_versions_are_skipped() {
        assert_eq!(parse_versions("1,x,3,,-4, 5"), [1, 3]);
    }

    #[test]
    fn the_highest_common_version_is_served() {
        assert_eq!(choose_version(&[1, 3, 2], &[2, 1]), Some(2));
    }

    #[test]
    fn the_lowest_version_is_served_when_none_is_common() {
        assert_eq!(choose_version(&[5, 3, 4], &[1, 2]), Some(3));
        assert_eq!(choose_version(&[5, 3, 4], &[]), Some(3));
        assert_eq!(choose_version(&[], &[1]), None);
    }
}
