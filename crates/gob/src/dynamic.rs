//! Values of types that only the sender knows, without serde: [`Any`] and [`Value`].

mod any;
mod value;
pub(crate) mod write;

pub use self::any::{Any, Named};
pub use self::value::Value;
