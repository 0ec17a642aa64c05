//! What host and plugin must agree on.

use std::borrow::Cow;

use crate::InvalidOption;

/// What host and plugin must agree on before they talk.
///
/// The magic cookie is not a secret and does not protect anything. It lets a plugin that a person
/// started by hand say so, instead of waiting for a host that will never come.
///
/// ```
/// use plugwire::handshake::HandshakeConfig;
///
/// // Shared by host and plugin, commonly in a crate that both depend on.
/// const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");
/// # assert_eq!(HANDSHAKE.protocol_version, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeConfig {
    /// The app version: raised when the interface between host and plugin changes incompatibly.
    pub protocol_version: u32,
    /// Name of the environment variable that carries the cookie.
    pub magic_cookie_key: Cow<'static, str>,
    /// The cookie.
    pub magic_cookie_value: Cow<'static, str>,
}

impl HandshakeConfig {
    /// A handshake made of literals. Where key or value are made at run time, use
    /// [`with_cookie`](Self::with_cookie).
    #[must_use]
    pub const fn new(
        protocol_version: u32,
        magic_cookie_key: &'static str,
        magic_cookie_value: &'static str,
    ) -> Self {
        Self {
            protocol_version,
            magic_cookie_key: Cow::Borrowed(magic_cookie_key),
            magic_cookie_value: Cow::Borrowed(magic_cookie_value),
        }
    }

    /// A handshake whose cookie may be made at run time.
    ///
    /// ```
    /// use plugwire::handshake::HandshakeConfig;
    ///
    /// let tool = "lint";
    /// let handshake = HandshakeConfig::with_cookie(1, format!("{tool}_PLUGIN"), "hello");
    /// assert_eq!(handshake.magic_cookie_key, "lint_PLUGIN");
    /// ```
    #[must_use]
    pub fn with_cookie(
        protocol_version: u32,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            protocol_version,
            magic_cookie_key: key.into(),
            magic_cookie_value: value.into(),
        }
    }

    /// Whether key and value are not empty, and an environment can hold them.
    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        let (key, value) = (&self.magic_cookie_key, &self.magic_cookie_value);
        if key.is_empty() || key.contains(['=', '\0']) {
            let expected = "the name of an environment variable, without '=' and NUL";
            let option = "HandshakeConfig::magic_cookie_key";
            return Err(InvalidOption::new(option, key, expected));
        }
        if value.is_empty() || value.contains('\0') {
            let expected = "a text without NUL, of at least one character";
            let option = "HandshakeConfig::magic_cookie_value";
            return Err(InvalidOption::new(option, value, expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_must_fit_into_an_environment() {
        assert!(HandshakeConfig::new(1, "KEY", "value").check().is_ok());
        for (key, value) in [
            ("", "v"),
            ("K", ""),
            ("K=", "v"),
            ("K\0", "v"),
            ("K", "v\0"),
        ] {
            assert!(
                HandshakeConfig::new(1, key, value).check().is_err(),
                "{key:?} {value:?}"
            );
        }
    }
}
