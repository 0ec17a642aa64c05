//! Decisions out of the fuzzer's bytes.

/// Takes decisions off the front of the input; zeros once there is nothing left.
pub struct Source<'d>(pub &'d [u8]);

impl<'d> Source<'d> {
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As many of the next bytes as there are.
    pub fn take(&mut self, len: usize) -> &'d [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A number of 1 to 8 bytes: small ones are as likely as large ones.
    pub fn number(&mut self) -> u64 {
        let width = usize::from(self.byte() % 9);
        self.take(width)
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    pub fn text(&mut self) -> String {
        let len = usize::from(self.byte() % 32);
        String::from_utf8_lossy(self.take(len)).into_owned()
    }

    /// The input in pieces, the first byte saying how they are cut.
    pub fn pieces(data: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut source = Source(data);
        let mut state = u32::from(source.byte());
        std::iter::from_fn(move || {
            if source.is_empty() {
                return None;
            }
            // Any sequence will do as long as the same byte gives the same one.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let len = match state >> 29 {
                0..=3 => 1 + (state >> 24 & 3) as usize,
                4..=6 => 1 + (state >> 20 & 63) as usize,
                _ => 1 + (state >> 16 & 1023) as usize,
            };
            Some(source.take(len))
        })
    }
}
