#[plugwire_macros::interface]
trait Signatures {
    fn not_async(&self) -> Result<()>;
    async fn no_receiver(key: String) -> Result<()>;
    async fn by_value(self) -> Result<()>;
    async fn mutable(&mut self) -> Result<()>;
    async fn shared(self: Arc<Self>) -> Result<()>;
    async fn with_lifetime(&'static self) -> Result<()>;
    async fn generic<T>(&self, value: T) -> Result<()>;
    async fn generic_lifetime<'a>(&self, value: &'a str) -> Result<()>;
    async fn conditional(&self) -> Result<()> where Self: Sized;
    async unsafe fn not_safe(&self) -> Result<()>;
    async extern "C" fn foreign(&self) -> Result<()>;
    async fn no_result(&self);
    async fn other_result(&self) -> Option<String>;
    async fn no_name(&self, _: String) -> Result<()>;
    async fn taken_apart(&self, (a, b): (i64, i64)) -> Result<()>;
}

fn main() {}
