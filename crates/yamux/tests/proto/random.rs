//! Random sequences of what two sessions may do, checked against the model.
//!
//! The sequences are the same in each run. `PROPTEST_CASES=100000 cargo test -p plugwire-yamux
//! --release --test proto random` tries more of them.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::model::World;

/// One step. `side` is the side that acts; for `Deliver`, the side whose bytes arrive.
#[derive(Clone, Debug)]
enum Step {
    Open {
        side: usize,
    },
    Accept {
        side: usize,
    },
    Write {
        side: usize,
        which: usize,
        size: usize,
    },
    WriteDirectly {
        side: usize,
        which: usize,
        size: usize,
        taken: usize,
    },
    Read {
        side: usize,
        which: usize,
        size: usize,
    },
    Finish {
        side: usize,
        which: usize,
    },
    Reset {
        side: usize,
        which: usize,
    },
    Drop {
        side: usize,
        which: usize,
    },
    Transmit {
        side: usize,
        max: usize,
    },
    Deliver {
        side: usize,
        max: usize,
    },
    DeliverToDriver {
        side: usize,
        max: usize,
    },
    Settle,
    Pass {
        millis: u64,
    },
    GoAway {
        side: usize,
    },
    End,
}

/// From 1 byte to more than a window, each power of two as likely as any other.
fn size() -> impl Strategy<Value = usize> {
    (0_u32..19, any::<u32>()).prop_map(|(bits, low)| {
        let power = 1_usize << bits;
        power + low as usize % power
    })
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0..2_usize;
    // Few numbers: the same streams are to be used again and again.
    let which = 0..4_usize;
    let at = (side.clone(), which);
    prop_oneof![
        4 => side.clone().prop_map(|side| Step::Open { side }),
        4 => side.clone().prop_map(|side| Step::Accept { side }),
        8 => (at.clone(), size())
            .prop_map(|((side, which), size)| Step::Write { side, which, size }),
        6 => (at.clone(), size(), size())
            .prop_map(|((side, which), size, taken)| {
                Step::WriteDirectly { side, which, size, taken }
            }),
        12 => (at.clone(), size())
            .prop_map(|((side, which), size)| Step::Read { side, which, size }),
        2 => at.clone().prop_map(|(side, which)| Step::Finish { side, which }),
        1 => at.clone().prop_map(|(side, which)| Step::Reset { side, which }),
        2 => at.prop_map(|(side, which)| Step::Drop { side, which }),
        8 => (side.clone(), size()).prop_map(|(side, max)| Step::Transmit { side, max }),
        6 => (side.clone(), size()).prop_map(|(side, max)| Step::Deliver { side, max }),
        8 => (side.clone(), size()).prop_map(|(side, max)| Step::DeliverToDriver { side, max }),
        2 => Just(Step::Settle),
        2 => (0..4_000_u64).prop_map(|millis| Step::Pass { millis }),
    ]
}

fn rare_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        400 => step(),
        1 => (0..2_usize).prop_map(|side| Step::GoAway { side }),
        1 => Just(Step::End),
    ]
}

fn run(steps: &[Step], tight: bool) {
    let mut world = World::new(tight);
    for step in steps {
        match *step {
            Step::Open { side } => world.open(side),
            Step::Accept { side } => world.accept(side),
            Step::Write { side, which, size } => world.write(side, which, size),
            Step::WriteDirectly {
                side,
                which,
                size,
                taken,
            } => {
                world.transmit_directly(side, which, size, taken);
            }
            Step::Read { side, which, size } => world.read(side, which, size),
            Step::Finish { side, which } => world.finish(side, which),
            Step::Reset { side, which } => world.reset(side, which),
            Step::Drop { side, which } => world.drop(side, which),
            Step::Transmit { side, max } => drop(world.transmit(side, max)),
            Step::Deliver { side, max } => drop(world.deliver(side, max)),
            Step::DeliverToDriver { side, max } => world.deliver_to_driver(side, max),
            Step::Settle => world.settle(),
            Step::Pass { millis } => world.pass(Duration::from_millis(millis)),
            Step::GoAway { side } => world.go_away(side),
            Step::End => world.end(),
        }
    }
    world.wind_up();
}

fn check(seed: u8, tight: bool) {
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => Config::default().cases,
        None => 150,
    };
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = proptest::collection::vec(rare_step(), 1..250);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    TestRunner::new_with_rng(config, rng)
        .run(&steps, |steps| {
            run(&steps, tight);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn any_sequence_of_steps_keeps_the_promises() {
    check(1, false);
}

#[test]
fn any_sequence_of_steps_within_tight_limits_keeps_the_promises() {
    check(2, true);
}
