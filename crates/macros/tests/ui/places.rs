#[plugwire_macros::interface]
struct Counter;

#[plugwire_macros::interface]
impl Counter {
    async fn get(&self) -> Result<i64> {
        Ok(1)
    }
}

#[plugwire_macros::interface(service = "Other")]
impl Clone for Counter {}

fn main() {}
