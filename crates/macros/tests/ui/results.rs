use plugwire::interface;

struct NotMade;

#[derive(Debug, thiserror::Error)]
#[error("not made from `plugwire::Error`")]
struct TextAlone;

#[interface]
trait Results {
    async fn not_made(&self, key: String, value: i64) -> Result<i64, NotMade>;
    async fn not_made_either(&self, key: String) -> Result<(i64, i64), NotMade>;
    async fn text_alone(&self, out: plugwire::Writer) -> Result<i64, TextAlone>;
}

fn main() {}
