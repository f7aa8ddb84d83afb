//! The option registry, the configuration file and typed reads of options.
