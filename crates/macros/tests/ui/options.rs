#[plugwire_macros::interface]
trait Options {
    #[plugwire(timeout = "1s")]
    async fn unknown(&self) -> Result<()>;
    #[plugwire]
    async fn nothing_said(&self) -> Result<()>;
    #[plugwire(args = "list")]
    async fn unknown_args(&self) -> Result<()>;
    #[plugwire(reply = "none")]
    async fn unknown_reply(&self) -> Result<()>;
    #[plugwire(reply = "empty")]
    async fn not_empty(&self) -> Result<i64>;
    #[plugwire(name = "get")]
    async fn lower_case(&self) -> Result<()>;
    #[plugwire(name = "Get.It")]
    async fn dotted(&self) -> Result<()>;
    #[plugwire(name = "A", name = "B")]
    async fn twice(&self) -> Result<()>;
    async fn unknown_of_param(&self, #[plugwire(rename = "UserID")] id: u64) -> Result<()>;
    async fn named_alone(&self, #[plugwire(name = "UserID")] id: u64) -> Result<()>;
    async fn go_outside_of_a_map(&self, #[plugwire(go = "int")] a: i64, b: i64) -> Result<()>;
    async fn unexported(&self, #[plugwire(name = "userID")] id: u64, b: i64) -> Result<()>;
    async fn same_field(&self, a: i64, #[plugwire(name = "A")] b: i64) -> Result<()>;
    async fn both(&self, #[plugwire(value, brokered)] a: i64) -> Result<()>;
    #[plugwire(idempotent)]
    async fn lends(&self, key: String, value: plugwire::Reader) -> Result<()>;
    #[plugwire(idempotent)]
    async fn lends_within(&self, all: Vec<Arc<dyn Logger>>) -> Result<()>;
}

#[plugwire_macros::interface(name = "Plugin")]
trait UnknownOfTrait {}

#[plugwire_macros::interface(service = "")]
trait NoService {}

#[plugwire_macros::interface(reply = "value")]
trait ReplyOfOne {}

fn main() {}
