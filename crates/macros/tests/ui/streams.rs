#[plugwire_macros::interface]
trait Streams {
    async fn returned(&self) -> Result<impl Stream<Item = i64>>;
    async fn alone(&self) -> impl Stream<Item = i64>;
    async fn boxed(&self) -> Result<Pin<Box<dyn Stream<Item = i64> + Send>>>;
    async fn named(&self) -> Result<BoxStream<'static, i64>>;
    async fn received(&self, items: impl Stream<Item = i64>) -> Result<()>;
    async fn boxed_alone(&self) -> BoxStream<'static, i64>;
}

fn main() {}
