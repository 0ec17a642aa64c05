//! Every target on random inputs, without a fuzzer: a target that is wrong itself shows here within
//! seconds. `PLUGWIRE_ROUNDS` sets how many inputs each gets, and `PLUGWIRE_TARGET` names one.

use plugwire_fuzz::targets::ALL;

#[test]
fn random_inputs_are_harmless() {
    let rounds =
        std::env::var("PLUGWIRE_ROUNDS").map_or(20, |text| text.parse().expect("a number"));
    let only = std::env::var("PLUGWIRE_TARGET").ok();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for (name, target) in ALL {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        for round in 0..rounds {
            let len = (next() % 600) as usize;
            // Many small numbers: they choose.
            let input: Vec<u8> = (0..len)
                .map(|_| (next() >> (8 + 8 * (next() % 7))) as u8 & (next() >> 20) as u8)
                .collect();
            let run = std::panic::AssertUnwindSafe(|| target(&input));
            assert!(
                std::panic::catch_unwind(run).is_ok(),
                "{name}, round {round}: {input:?}"
            );
        }
    }
}
