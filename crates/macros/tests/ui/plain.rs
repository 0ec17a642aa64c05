type Result<T> = std::result::Result<T, plugwire_error::Error>;

mod plugwire_error {
    pub struct Error;
}

trait Counter {}

struct Counts;

#[plugwire_macros::interface]
impl Counter for Counts {
    fn set(&self, value: i64) {
        let _ = value;
    }
}

#[plugwire_macros::interface(crate = crate::plugwire)]
impl Other for Counts {
    fn get(&self) -> Result<i64> {
        later().await
    }
}

mod plugwire {
    pub mod interface {
        pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
    }
}

trait Other {
    fn get(&self) -> plugwire::interface::BoxFuture<'_, Result<i64>>;
    fn __the_attribute_plugwire_interface_is_missing(&self, method: &str) -> bool;
}

async fn later() -> Result<i64> {
    Ok(1)
}

fn main() {}
