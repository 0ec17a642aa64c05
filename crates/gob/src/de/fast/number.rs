//! Numbers where a plain type is asked for, without a visitor.
//!
//! The caller keeps the cursor in a register, because a number has no function between the two.

use serde::de::DeserializeSeed;

use super::is_for;
use crate::types::Id;
use crate::wire::{Cursor, float, single, unzigzag};

macro_rules! plain {
    ($($ty:ident $id:ident $of_bits:expr;)*) => {
        /// The number at the cursor, if the seed is for a plain type, the number fits it, and eight
        /// bytes are behind it. Otherwise `None`, and the cursor stays.
        #[inline(always)]
        pub(super) fn read<'de, T: DeserializeSeed<'de>>(
            cursor: &mut Cursor<'de>,
            id: Id,
        ) -> Option<T::Value> {
            let mut number: Option<T::Value> = None;
            $(
                if is_for::<T, $ty>()
                    && id == Id::$id
                    && let Ok(number) = castaway::cast!(&mut number, &mut Option<$ty>)
                {
                    let of_bits: fn(u64) -> Option<$ty> = $of_bits;
                    let mut behind = cursor.clone();
                    *number = behind.near_uint().and_then(of_bits);
                    if number.is_some() {
                        cursor.pos = behind.pos;
                    }
                }
            )*
            number
        }

        /// Zero, if the seed is for a plain type.
        #[inline(always)]
        pub(super) fn zero<'de, T: DeserializeSeed<'de>>() -> Option<T::Value> {
            let mut number: Option<T::Value> = None;
            $(
                if is_for::<T, $ty>()
                    && let Ok(number) = castaway::cast!(&mut number, &mut Option<$ty>)
                {
                    *number = Some($ty::default());
                }
            )*
            number
        }

        /// Whether the seed is for a plain type.
        #[inline(always)]
        pub(super) fn applies<'de, T: DeserializeSeed<'de>>() -> bool {
            $(is_for::<T, $ty>())||*
        }
    };
}

plain! {
    bool BOOL |bits| Some(bits != 0);
    i8 INT |bits| unzigzag(bits).try_into().ok();
    i16 INT |bits| unzigzag(bits).try_into().ok();
    i32 INT |bits| unzigzag(bits).try_into().ok();
    i64 INT |bits| Some(unzigzag(bits));
    isize INT |bits| unzigzag(bits).try_into().ok();
    u8 UINT |bits| bits.try_into().ok();
    u16 UINT |bits| bits.try_into().ok();
    u32 UINT |bits| bits.try_into().ok();
    u64 UINT Some;
    usize UINT |bits| bits.try_into().ok();
    f32 FLOAT |bits| single(float(bits));
    f64 FLOAT |bits| Some(float(bits));
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use serde::de::DeserializeOwned;

    use super::*;

    /// The types of numbers that a receiver takes.
    fn taken<T: DeserializeOwned>() -> Vec<Id> {
        let takes = |id: &Id| {
            let mut cursor = Cursor::new(&[1; 9]);
            let number = read::<PhantomData<T>>(&mut cursor, *id);
            assert_eq!(cursor.pos, usize::from(number.is_some()));
            number.is_some()
        };
        let ids = (0..=64).map(Id);
        ids.filter(takes).collect()
    }

    #[test]
    fn each_type_takes_its_own_kind() {
        assert_eq!(taken::<bool>(), [Id::BOOL]);
        for signed in [
            taken::<i8>(),
            taken::<i16>(),
            taken::<i32>(),
            taken::<i64>(),
            taken::<isize>(),
        ] {
            assert_eq!(signed, [Id::INT]);
        }
        for unsigned in [
            taken::<u8>(),
            taken::<u16>(),
            taken::<u32>(),
            taken::<u64>(),
            taken::<usize>(),
        ] {
            assert_eq!(unsigned, [Id::UINT]);
        }
        assert_eq!([taken::<f32>(), taken::<f64>()], [[Id::FLOAT]; 2]);
        assert_eq!(taken::<String>(), []);
    }

    #[test]
    fn what_does_not_fit_or_may_not_be_whole_stays() {
        // 300, for a byte. And with nothing behind it.
        for (data, fits) in [(&[0xfe, 1, 44, 0, 0, 0, 0, 0, 0][..], true), (&[5], false)] {
            let mut cursor = Cursor::new(data);
            assert_eq!(read::<PhantomData<u8>>(&mut cursor, Id::UINT), None);
            assert_eq!(cursor.pos, 0);
            let wide = read::<PhantomData<u16>>(&mut cursor, Id::UINT);
            assert_eq!(wide, fits.then_some(300));
        }
    }
}
