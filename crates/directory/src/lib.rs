//! Users and domains: the directory contract and the embedded directory.
