//! What must hold for any configuration; shared by the tests and the fuzz target.

use waypost_options::Config;

/// Reads any text; what is accepted says the same to another process.
pub(crate) fn check(text: &str) {
    let _ = Config::from_wire(text);
    let Ok(config) = Config::from_str(text) else { return };
    let wire = config.to_wire();
    let other = Config::from_wire(wire.expose()).expect("what was checked is accepted again");
    let told = |config: &Config| -> Vec<String> {
        let places = config.places();
        places.iter().map(|place| config.value_at(place).reveal()).collect()
    };
    assert_eq!(told(&other), told(&config));
}
