use plugwire::Result;

#[plugwire::interface]
trait Counter {
    async fn get(&self, key: String) -> Result<i64>;
}

struct Counts;

// The attribute is missing here.
impl Counter for Counts {
    async fn get(&self, _key: String) -> Result<i64> {
        Ok(1)
    }
}

fn main() {}
