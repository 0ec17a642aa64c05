//! Types with an encoding of their own, times, and complex numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use plugwire_gob::{
    self as gob, Any, BinaryMarshaled, Complex, GobEncoded, Marshal, Marshaled, Marshaler,
    TextMarshaled, Time, Value,
};
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;

#[track_caller]
fn same<T: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(value: T) {
    let bytes = gob::to_vec(&value).unwrap();
    assert_eq!(gob::from_slice::<T>(&bytes).unwrap(), value);
    let json = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
    let packed = rmp_serde::to_vec_named(&value).unwrap();
    assert_eq!(rmp_serde::from_slice::<T>(&packed).unwrap(), value);
}

#[derive(Clone, Debug, PartialEq)]
struct Version {
    major: u8,
    minor: u8,
}

impl Marshal for Version {
    const MARSHALER: Marshaler = Marshaler::Binary;
    const NAME: &'static str = "Version";
    type Error = &'static str;

    fn marshal(&self) -> Result<Cow<'_, [u8]>, Self::Error> {
        match self.major {
            255 => Err("no such version"),
            major => Ok(vec![major, self.minor].into()),
        }
    }

    fn unmarshal(bytes: &[u8]) -> Result<Self, Self::Error> {
        match *bytes {
            [major, minor] => Ok(Self { major, minor }),
            _ => Err("a version is two bytes"),
        }
    }

    fn zero() -> Self {
        Self { major: 0, minor: 0 }
    }

    fn is_zero(&self) -> bool {
        *self == Self::zero()
    }
}

fn version(major: u8, minor: u8) -> Version {
    Version { major, minor }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everywhere {
    #[serde(with = "gob::marshal")]
    field: Version,
    maybe: Option<Marshaled<Version>>,
    list: Vec<Marshaled<Version>>,
    map: BTreeMap<String, Marshaled<Version>>,
    #[serde(with = "gob::gob_encoder")]
    secret: Vec<u8>,
    #[serde(with = "gob::binary_marshaler")]
    id: [u8; 16],
    secrets: Vec<GobEncoded>,
    names: Vec<BinaryMarshaled<String>>,
    after: i64,
}

fn everywhere() -> Everywhere {
    Everywhere {
        field: version(1, 2),
        maybe: Some(Marshaled(version(3, 4))),
        list: vec![version(5, 6).into(), version(0, 0).into()],
        map: BTreeMap::from([("k".into(), version(7, 8).into())]),
        secret: b"SECRET".to_vec(),
        id: [7; 16],
        secrets: vec![GobEncoded(vec![1]), GobEncoded(vec![])],
        names: vec![BinaryMarshaled("name".into())],
        after: 9,
    }
}

#[test]
fn opaque_types_go_anywhere() {
    same(everywhere());
    same(Marshaled(version(1, 2)));
    same(GobEncoded(vec![1u8, 2]));
    same(BinaryMarshaled([1u8, 2]));
    same(BinaryMarshaled(uuid::Uuid::from_u128(5)));
    same(TextMarshaled("text".to_owned()));
    same(vec![TextMarshaled("text".to_owned())]);
    let zero = Everywhere {
        field: version(0, 0),
        maybe: None,
        list: vec![],
        map: BTreeMap::new(),
        secret: vec![],
        id: [0; 16],
        secrets: vec![],
        names: vec![],
        after: 0,
    };
    same(zero);
}

#[test]
fn opaque_types_are_defined_as_what_they_are() {
    let bytes = gob::to_vec(&everywhere()).unwrap();
    let value: Value = gob::from_slice(&bytes).unwrap();
    let opaque = |name: &str, bytes: &[u8]| Value::Opaque {
        name: name.into(),
        bytes: bytes.into(),
    };
    assert_eq!(value.field("field"), Some(&opaque("Version", &[1, 2])));
    assert_eq!(
        value.field("list"),
        Some(&Value::List(vec![
            opaque("Version", &[5, 6]),
            opaque("Version", &[0, 0])
        ]))
    );
    assert_eq!(value.field("secret"), Some(&opaque("", b"SECRET")));

    let any = Any::named("main.Version", &Marshaled(version(1, 2))).unwrap();
    assert_eq!(any.decode::<Marshaled<Version>>().unwrap().0, version(1, 2));
    assert_eq!(any.decode::<Vec<u8>>().unwrap(), [1, 2]);
    let bytes = gob::to_vec(&any).unwrap();
    assert_eq!(
        gob::from_slice::<Marshaled<Version>>(&bytes).unwrap().0,
        version(1, 2)
    );

    // The definition says which interface the type has.
    let kinds = [
        (gob::to_vec(&GobEncoded(vec![1])).unwrap(), 5),
        (gob::to_vec(&BinaryMarshaled(vec![1])).unwrap(), 6),
        (gob::to_vec(&TextMarshaled(vec![1])).unwrap(), 7),
    ];
    for (bytes, kind) in kinds {
        assert_eq!(bytes[3], kind, "{bytes:x?}");
    }
}

#[test]
fn opaque_types_say_what_is_wrong() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Release {
        #[serde(with = "gob::marshal")]
        version: Version,
    }
    #[derive(Serialize, Deserialize)]
    struct Long {
        #[serde(with = "gob::binary_marshaler")]
        version: Vec<u8>,
    }
    let long = gob::to_vec(&Long {
        version: vec![1, 2, 3],
    })
    .unwrap();
    let error = gob::from_slice::<Release>(&long).unwrap_err().to_string();
    assert!(
        error.ends_with("Release: version: a version is two bytes"),
        "{error}"
    );
    let error = gob::to_vec(&Release {
        version: version(255, 0),
    })
    .unwrap_err()
    .to_string();
    assert!(
        error.ends_with("Release: version: no such version"),
        "{error}"
    );
    let error = gob::from_slice::<BinaryMarshaled<[u8; 2]>>(
        &gob::to_vec(&BinaryMarshaled(vec![1, 2, 3])).unwrap(),
    )
    .unwrap_err()
    .to_string();
    assert!(error.ends_with("3 bytes are no [u8; 2]"), "{error}");
}

#[test]
fn times_in_every_position() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Meeting {
        at: Time,
        until: Option<Time>,
        others: Vec<Time>,
        any: Any,
    }
    let at: Time = "2024-02-29T12:30:15.123456789+02:00".parse().unwrap();
    let meeting = Meeting {
        at,
        until: Some(at.utc()),
        others: vec![Time::ZERO, at],
        any: Any::named("time.Time", &at).unwrap(),
    };
    let bytes = gob::to_vec(&meeting).unwrap();
    let back: Meeting = gob::from_slice(&bytes).unwrap();
    assert_eq!(back, meeting);
    assert_eq!(back.any.decode::<Time>().unwrap(), at);
    same(Meeting::default());
    same(at);
    same(vec![at, Time::now()]);
    assert_eq!(
        serde_json::to_string(&at.utc()).unwrap(),
        "\"2024-02-29T10:30:15.123456789Z\""
    );
    assert_eq!(
        format!("{at:?}"),
        "Time(2024-02-29T12:30:15.123456789+02:00)"
    );

    // A sender with a string where the time should be, as in JSON.
    let text = gob::to_vec("2024-02-29T10:30:15Z").unwrap();
    assert_eq!(
        gob::from_slice::<Time>(&text).unwrap().unix_seconds(),
        1_709_202_615
    );
}

#[test]
fn times_at_the_edges() {
    assert_eq!(Time::default(), Time::ZERO);
    assert!(Time::ZERO.is_zero());
    assert_eq!(Time::from_unix(0, 1_000_000_000), None);
    assert_eq!(Time::from_unix(i64::MAX, 0), None);
    let epoch = Time::from_unix(0, 0).unwrap();
    assert_eq!(epoch.with_offset(-60), None);
    assert_eq!(epoch.with_offset(60 * 32_768), None);
    assert_eq!(epoch.offset(), None);
    for offset in [0, 1, -59, 59, 3600, -3600, 7 * 3600 + 17, -7 * 3600 - 17] {
        let time = epoch.with_offset(offset).unwrap();
        assert_eq!(time.offset(), Some(offset));
        assert_eq!(time.unix_seconds(), 0);
        same(vec![Marshaled(time)]);
        let bytes = gob::to_vec(&time).unwrap();
        assert_eq!(gob::from_slice::<Time>(&bytes).unwrap(), time);
    }
    for (bytes, what) in [
        (vec![], "a time of no bytes"),
        (vec![3; 15], "unknown version"),
        (vec![1; 14], "wrong length"),
        ([&[1u8; 9][..], &[255; 6]].concat(), "too many nanoseconds"),
    ] {
        let bytes = gob::to_vec(&GobEncoded(bytes)).unwrap();
        let error = gob::from_slice::<Time>(&bytes).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn system_times() {
    let after = SystemTime::UNIX_EPOCH + Duration::new(5, 6);
    let before = SystemTime::UNIX_EPOCH - Duration::new(5, 6);
    for time in [after, before, SystemTime::UNIX_EPOCH] {
        assert_eq!(SystemTime::try_from(Time::from(time)).unwrap(), time);
    }
    assert_eq!(Time::from(before).unix_seconds(), -6);
    assert_eq!(Time::from(before).subsec_nanos(), 999_999_994);
    assert_eq!(
        Time::from(before).to_string(),
        "1969-12-31T23:59:54.999999994Z"
    );
}

#[cfg(feature = "chrono")]
#[test]
fn chrono_times() {
    use chrono::{DateTime, FixedOffset, Utc};
    let time: Time = "2024-02-29T12:30:15.5+02:00".parse().unwrap();
    let fixed = DateTime::<FixedOffset>::try_from(time).unwrap();
    assert_eq!(fixed.offset().local_minus_utc(), 7200);
    assert_eq!(fixed.timestamp_millis(), 1_709_202_615_500);
    assert_eq!(Time::from(fixed), time);
    let utc = DateTime::<Utc>::try_from(time).unwrap();
    assert_eq!(Time::from(utc), time.utc());
    let far = Time::from_unix(1 << 60, 0).unwrap();
    assert_fails(
        DateTime::<Utc>::try_from(far),
        "the time 36534630048-05-13T13:56:16Z is out of range",
    );
    assert_fails(
        DateTime::<FixedOffset>::try_from(far),
        "the time 36534630048-05-13T13:56:16Z is out of range",
    );
    for time in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert_eq!(DateTime::<Utc>::try_from(Time::from(time)).unwrap(), time);
        for offset in [3600, -3600] {
            let zoned = Time::from(time).with_offset(offset).unwrap();
            let _ = DateTime::<FixedOffset>::try_from(zoned);
        }
    }
}

#[cfg(feature = "time")]
#[test]
fn times_of_the_time_crate() {
    use time::{Date, OffsetDateTime, UtcOffset};
    let time: Time = "2024-02-29T12:30:15.5+02:00".parse().unwrap();
    let offset = OffsetDateTime::try_from(time).unwrap();
    assert_eq!(offset.offset(), UtcOffset::from_hms(2, 0, 0).unwrap());
    assert_eq!(Time::from(offset), time);
    assert_eq!(OffsetDateTime::try_from(Time::ZERO).unwrap().year(), 1);
    for date in [Date::MIN, Date::MAX] {
        let midnight = date.midnight().assume_utc();
        assert_eq!(
            OffsetDateTime::try_from(Time::from(midnight)).unwrap(),
            midnight
        );
        for offset in [80_000, -80_000] {
            let zoned = Time::from(midnight).with_offset(offset).unwrap();
            let _ = OffsetDateTime::try_from(zoned);
        }
    }
    assert_fails(
        OffsetDateTime::try_from(Time::from_unix(1 << 60, 0).unwrap()),
        "the time 36534630048-05-13T13:56:16Z is out of range",
    );
}

#[cfg(feature = "jiff")]
#[test]
fn jiff_times() {
    use jiff::{Timestamp, Zoned};
    let time: Time = "2024-02-29T12:30:15.5+02:00".parse().unwrap();
    let zoned = Zoned::try_from(time).unwrap();
    assert_eq!(zoned.offset().seconds(), 7200);
    assert_eq!(Time::from(&zoned), time);
    let stamp = Timestamp::try_from(time).unwrap();
    assert_eq!(Time::from(stamp), time.utc());
    for stamp in [
        Timestamp::MIN,
        Timestamp::MAX,
        Timestamp::new(-1, -5).unwrap(),
    ] {
        assert_eq!(Timestamp::try_from(Time::from(stamp)).unwrap(), stamp);
    }
    assert_fails(
        Timestamp::try_from(Time::from_unix(1 << 60, 0).unwrap()),
        "the time 36534630048-05-13T13:56:16Z is out of range",
    );
    assert_fails(
        Zoned::try_from(time.with_offset(32_767 * 60).unwrap()),
        "the time 2024-03-23T04:37:15.5+546:07 is out of range",
    );
}

#[test]
fn complex_numbers() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Signal {
        #[serde(with = "gob::complex")]
        gain: (f64, f64),
        #[serde(with = "gob::complex")]
        pair: [f64; 2],
        samples: Vec<Complex>,
        last: Option<Complex>,
    }
    same(Complex::new(1.5, -2.0));
    same(Signal::default());
    let signal = Signal {
        gain: (1.0, 2.0),
        pair: [0.0, 3.0],
        samples: vec![Complex::default(), Complex::new(0.0, -1.0)],
        last: Some(Complex::new(5.0, 0.0)),
    };
    let bytes = gob::to_vec(&signal).unwrap();
    let value: Value = gob::from_slice(&bytes).unwrap();
    assert_eq!(value.field("gain"), Some(&Value::Complex(1.0, 2.0)));
    same(signal);
    let any = Any::named("complex64", &Complex::new(1.0, 2.0)).unwrap();
    assert_eq!(any.decode::<Complex>().unwrap(), Complex::new(1.0, 2.0));
    assert_eq!(any.decode::<(f32, f32)>().unwrap(), (1.0, 2.0));
    assert_eq!(Complex::new(1.5, -2.0).to_string(), "(1.5-2i)");
    assert_fails(
        gob::from_slice::<Complex>(&gob::to_vec("x").unwrap()),
        "expected a sequence, received type []uint8",
    );
}
