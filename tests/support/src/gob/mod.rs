//! Types and values that tests and fuzz targets make up, and Go's view of them.

mod mirror;
mod random;
mod shapes;

pub use mirror::Mirror;
pub use random::Random;
pub use shapes::{Shape, canonical};
