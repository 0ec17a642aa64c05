//! The values that are measured. `go/values.go` has the same values.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    pub id: u64,
    pub name: String,
    pub email: String,
    pub bio: String,
    pub age: i64,
    pub active: bool,
    pub home: Place,
    pub tags: Vec<String>,
    pub limits: HashMap<String, i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Place {
    pub latitude: f64,
    pub longitude: f64,
    pub zip: i64,
}

pub fn user(number: u64) -> User {
    let n = number as i64;
    let tags = ["admin", "staff", "on-call"];
    let limits = [("requests", 1000 + n), ("uploads", 20), ("projects", n % 7)];
    User {
        id: number + 1,
        name: format!("User Number {number}"),
        email: format!("user.{number}@mail.example.com"),
        bio: "Writes plugins, reads their logs, and would like both to be a little faster.".into(),
        age: 20 + n % 60,
        active: n % 2 == 0,
        home: Place {
            latitude: 52.5 + n as f64 / 1024.0,
            longitude: 13.4 - n as f64 / 1024.0,
            zip: 10_000 + n,
        },
        tags: tags.map(String::from).into(),
        limits: limits.map(|(name, limit)| (name.to_owned(), limit)).into(),
    }
}

pub fn users() -> Vec<User> {
    (0..1000).map(user).collect()
}

/// Twelve numbers, some of them mostly zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Sample {
    pub time: i64,
    pub station: u64,
    pub sequence: u64,
    pub temperature: f64,
    pub pressure: f64,
    pub humidity: f64,
    pub wind: i64,
    pub gusts: i64,
    pub rain: i64,
    pub errors: i64,
    pub voltage: f64,
    pub valid: bool,
}

pub fn samples() -> Vec<Sample> {
    let sample = |n: i64| Sample {
        time: 1_700_000_000 + 60 * n,
        station: n as u64 % 12,
        sequence: n as u64,
        temperature: 18.0 + n as f64 / 256.0,
        pressure: 1013.25,
        humidity: 0.5 + n as f64 / 4096.0,
        wind: n % 30,
        gusts: 3 + n % 60,
        rain: if n % 10 == 0 { 4 } else { 0 },
        errors: if n % 100 == 0 { 1 } else { 0 },
        voltage: 12.5,
        valid: n % 5 != 0,
    };
    (0..1000).map(sample).collect()
}

macro_rules! wide {
    ($($text:ident $number:ident $float:ident $flag:ident;)*) => {
        /// A struct of 40 fields, of which a quarter are zero.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct Wide {
            $(pub $text: String, pub $number: i64, pub $float: f64, pub $flag: bool,)*
        }

        fn wide(n: i64) -> Wide {
            let mut nth = n;
            $(
                nth += 1;
                let mut $text = String::new();
                if nth % 4 != 0 {
                    $text = format!("value {n} of {nth}");
                }
                let $number = if nth % 3 == 0 { 0 } else { nth * 37 };
                let $float = nth as f64 / 16.0;
                let $flag = nth % 2 == 0;
            )*
            Wide { $($text, $number, $float, $flag,)* }
        }
    };
}

wide! {
    text_a number_a float_a flag_a;
    text_b number_b float_b flag_b;
    text_c number_c float_c flag_c;
    text_d number_d float_d flag_d;
    text_e number_e float_e flag_e;
    text_f number_f float_f flag_f;
    text_g number_g float_g flag_g;
    text_h number_h float_h flag_h;
    text_i number_i float_i flag_i;
    text_j number_j float_j flag_j;
}

pub fn wides() -> Vec<Wide> {
    (0..100).map(wide).collect()
}

pub fn numbers() -> Vec<f64> {
    (0..10_000).map(|n| f64::from(n) / 8.0).collect()
}

/// Of 3 to 26 letters.
pub fn texts() -> Vec<String> {
    let letters = "abcdefghijklmnopqrstuvwxyz";
    let text = |n: usize| letters[..3 + 7 * n % 24].to_owned();
    (0..10_000).map(text).collect()
}

/// 1 MiB in which no byte equals the one before it.
pub fn bytes() -> Vec<u8> {
    (0..1u32 << 20)
        .map(|i| (i.wrapping_mul(167) >> 3) as u8)
        .collect()
}
