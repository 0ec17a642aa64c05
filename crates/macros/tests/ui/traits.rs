#[plugwire_macros::interface]
trait Generic<T> {
    async fn get(&self) -> Result<i64>;
}

#[plugwire_macros::interface]
unsafe trait NotSafe {}

#[plugwire_macros::interface]
trait Conditional where Self: Sized {}

#[plugwire_macros::interface]
trait Super: Iterator {}

#[plugwire_macros::interface]
trait Members {
    type Key;
    const LIMIT: i64;
}

#[plugwire_macros::interface]
trait SameName {
    async fn get(&self) -> Result<i64>;
    #[plugwire(name = "Get")]
    async fn fetch(&self) -> Result<i64>;
}

fn main() {}
