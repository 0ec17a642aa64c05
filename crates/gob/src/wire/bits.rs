//! Signed integers and floats as the unsigned integers that are sent for them.

/// Bit 0 says whether the other bits are complemented.
#[inline]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The converse of [`zigzag`].
#[inline]
pub(crate) fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// The bytes in reverse, so that round numbers are short.
#[inline]
pub(crate) fn float_bits(value: f64) -> u64 {
    value.to_bits().swap_bytes()
}

/// The converse of [`float_bits`].
#[inline]
pub(crate) fn float(bits: u64) -> f64 {
    f64::from_bits(bits.swap_bytes())
}

/// A float in 32 bits; `None` if it is too large. Infinities and NaN fit. Underflow is no error.
pub(crate) fn single(value: f64) -> Option<f32> {
    let fits = !value.is_finite() || value.abs() <= f64::from(f32::MAX);
    fits.then_some(value as f32)
}
