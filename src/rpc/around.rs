//! What surrounds the encoding and decoding of a call's values.

use serde::de::DeserializeOwned;

use super::untaken::Lent;
use crate::codec::Undecoded;

/// What surrounds the encoding and decoding of a call's values: a scope in which they find what
/// serde does not give them. Calls that need none have `()`, which costs nothing.
pub(crate) trait Around: Send + Sync {
    /// What the values of one call bring along, beside their bytes.
    type Brought: Default + Send;

    /// Encodes a value.
    fn encode<T>(&self, brought: &mut Self::Brought, encode: impl FnOnce() -> T) -> T;

    /// Decodes a value.
    fn decode<T>(&self, brought: &mut Self::Brought, decode: impl FnOnce() -> T) -> T;

    /// Makes an argument that was decoded ready for use. The error's text is for the caller.
    fn arrived<T>(
        &self,
        brought: &mut Self::Brought,
        argument: T,
        undecoded: &Undecoded,
    ) -> impl Future<Output = Result<T, String>> + Send
    where
        T: DeserializeOwned + Send;

    /// Waits for what has to precede the reply.
    fn replying(&self, brought: &mut Self::Brought) -> impl Future<Output = ()> + Send;

    /// What the reply that was encoded lends.
    fn replied(&self, brought: Self::Brought) -> Option<Box<dyn Lent>>;
}

impl Around for () {
    type Brought = ();

    #[inline]
    fn encode<T>(&self, (): &mut (), encode: impl FnOnce() -> T) -> T {
        encode()
    }

    #[inline]
    fn decode<T>(&self, (): &mut (), decode: impl FnOnce() -> T) -> T {
        decode()
    }

    #[inline]
    async fn arrived<T>(&self, (): &mut (), argument: T, _: &Undecoded) -> Result<T, String>
    where
        T: DeserializeOwned + Send,
    {
        Ok(argument)
    }

    #[inline]
    async fn replying(&self, (): &mut ()) {}

    #[inline]
    fn replied(&self, (): ()) -> Option<Box<dyn Lent>> {
        None
    }
}
