//! The message store contract: reads, mutations, changes, views, reference model, conformance suite.
