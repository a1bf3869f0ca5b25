//! Laws of the world.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use trace_synthesis::world::{CountDistribution, TaskSampler, world_rng};

fn sampler(most: usize) -> TaskSampler {
    TaskSampler::new(CountDistribution::up_to(most))
}

proptest! {
    #[test]
    fn the_responder_satisfies_every_task(seed: u64, most in 1_usize..=15) {
        let mut rng = world_rng(seed, 0);
        let task = sampler(most).sample(&mut rng).unwrap();
        let response = task.respond(&mut rng);
        let verdict = task.verdict(&response);
        prop_assert!(verdict.followed(), "{}\n{response}\n{verdict:?}", task.prompt());
    }
}
