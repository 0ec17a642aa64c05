//! Where made-up types and values get their choices from.

/// A source of choices: a generator of numbers, or a fuzzer's input.
pub struct Random<'a>(Source<'a>);

enum Source<'a> {
    /// SplitMix64: the same numbers on every machine and in every release.
    Generator(u64),
    /// Each choice takes a byte, so that a changed byte changes one choice. Behind the end all
    /// bytes are zero.
    Input(&'a [u8]),
}

impl<'a> Random<'a> {
    /// The same choices for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Source::Generator(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)))
    }

    /// Choices that are bytes of a fuzzer's input.
    pub fn of_input(input: &'a [u8]) -> Self {
        Self(Source::Input(input))
    }

    fn next(&mut self) -> u64 {
        match &mut self.0 {
            Source::Generator(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            Source::Input(input) => {
                let (taken, rest) = input.split_at(input.len().min(8));
                *input = rest;
                let mut bytes = [0; 8];
                bytes[..taken.len()].copy_from_slice(taken);
                u64::from_le_bytes(bytes)
            }
        }
    }

    /// A number below `end`.
    ///
    /// # Panics
    ///
    /// If `end` is zero.
    pub fn below(&mut self, end: usize) -> usize {
        match &mut self.0 {
            Source::Input(input) if end <= 256 => {
                let (byte, rest) = input.split_first().unwrap_or((&0, &[]));
                *input = rest;
                usize::from(*byte) % end
            }
            _ => (self.next() % end as u64) as usize,
        }
    }

    /// One of several.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn pick<'b, T>(&mut self, from: &'b [T]) -> &'b T {
        &from[self.below(from.len())]
    }

    /// Numbers of all lengths, and often those at the edge of one.
    pub fn bits(&mut self) -> u64 {
        let (shift, edge) = (self.below(64), self.below(64));
        match self.below(5) {
            0 => 0,
            1 => (1 << edge) - 1,
            2 => 1 << edge,
            _ => self.next() >> shift,
        }
    }

    /// Any float but a NaN.
    pub fn float(&mut self) -> f64 {
        let edges = [
            0.0,
            1.0,
            -1.0,
            0.5,
            17.0,
            1e300,
            -5e-324,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        match self.below(2) {
            0 => *self.pick(&edges),
            _ => self.bits() as f64 / (1 + self.below(1000)) as f64,
        }
    }

    /// Text of up to 5 characters, seldom of 200.
    pub fn text(&mut self) -> String {
        let letters = ['a', 'Z', '0', ' ', '\0', 'ü', 'λ', '世', '🦀'];
        let len = if self.below(20) == 19 {
            200
        } else {
            self.below(6)
        };
        (0..len).map(|_| *self.pick(&letters)).collect()
    }
}
