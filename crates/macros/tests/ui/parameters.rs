#[plugwire_macros::interface]
trait Parameters {
    async fn text(&self, value: &str) -> Result<()>;
    async fn slice(&self, value: &[u8]) -> Result<()>;
    async fn reference(&self, value: &HashMap<String, i64>) -> Result<()>;
    async fn object(&self, value: &dyn Helper) -> Result<()>;
    async fn nested(&self, value: Option<&str>) -> Result<()>;
    async fn lifetime(&self, value: Cow<'static, str>) -> Result<()>;
    async fn some_type(&self, value: impl Helper) -> Result<()>;
    async fn boxed(&self, value: Box<dyn Helper>) -> Result<()>;
    async fn bounds(&self, value: Arc<dyn Helper + Send>) -> Result<()>;
    async fn several(&self, value: Page<Arc<dyn Helper>>) -> Result<()>;
    async fn array(&self, value: [Arc<dyn Helper>; 2]) -> Result<()>;
    async fn function(&self, value: fn(i64) -> i64) -> Result<()>;
    async fn pointer(&self, value: *const u8) -> Result<()>;
    async fn inferred(&self, value: Vec<_>) -> Result<()>;
    async fn returned(&self) -> Result<&str>;
    async fn returned_object(&self) -> Result<Box<dyn Helper>>;
    async fn returned_page(&self) -> Result<(i64, Page<Arc<dyn Helper>>)>;
}

fn main() {}
