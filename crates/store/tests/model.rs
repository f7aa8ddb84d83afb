//! The reference model obeys its own contract.

use waypost_store::conformance::{compare, follow, run};
use waypost_store::model::ModelStore;

#[test]
fn model_passes_the_suite() {
    run(&mut ModelStore::new);
}

#[test]
fn views_follow_the_model_whatever_the_wake_ups() {
    for seed in 0..40 {
        follow(&ModelStore::new(), seed, 120, 4);
    }
}

#[test]
fn the_same_run_on_two_models_is_equal() {
    for seed in 0..8 {
        compare(seed, 150, 10, ModelStore::new(), |store, _| store);
    }
}
