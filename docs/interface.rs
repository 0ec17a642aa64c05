#[plugwire::interface]
pub trait Counter {
    /// Adds to a count, by a helper of the caller's.
    async fn put(&self, key: String, value: i64, sum: Arc<dyn AddHelper>) -> Result<()>;
    async fn get(&self, key: String) -> Result<i64>;
    async fn watch(&self, key: String) -> Result<Arc<dyn Subscription>>;
    async fn doubled(&self, key: String) -> Result<i64> {
        Ok(2 * self.get(key).await?)
    }
}
