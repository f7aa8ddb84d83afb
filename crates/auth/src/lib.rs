//! SASL, directory and remembered credentials to an identity; failure delay.
