use plugwire::Result;
use serde::{Deserialize, Serialize};

struct Neither;

#[derive(Serialize)]
struct Written;

#[derive(Deserialize)]
struct Read;

#[plugwire::interface]
trait Directory {
    async fn all(&self, a: Neither, b: Neither) -> Result<(Neither, i64)>;
    async fn bare(&self, a: Neither) -> Result<Neither>;
    async fn written(&self, key: String, a: Written) -> Result<Written>;
    async fn read(&self, a: Read) -> Result<Read> {
        Ok(a)
    }
    async fn nested(&self) -> Result<Vec<Option<Neither>>>;
}

fn main() {}
