//! The TLS versions and cipher suites that this server can speak: one table for the option that selects
//! among them, for the handshake, and for logins that ask for a key length.

use std::fmt;

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// RFC 5246
    Tls12,
    /// RFC 8446
    Tls13,
}

impl TlsVersion {
    /// All of them, the oldest first.
    pub const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    /// The name in options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS1.2",
            Self::Tls13 => "TLS1.3",
        }
    }

    /// The version of a name in options.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.name() == name)
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A cipher suite.
#[derive(Debug, PartialEq, Eq)]
pub struct CipherSuite {
    /// The name in IANA's registry of TLS cipher suites.
    pub name: &'static str,
    /// The number there.
    pub number: u16,
    /// The version that it belongs to; no suite serves both.
    pub version: TlsVersion,
    /// The length of the cipher's key in bits.
    pub key_bits: u16,
}

impl CipherSuite {
    const fn new(name: &'static str, number: u16, version: TlsVersion, key_bits: u16) -> Self {
        Self { name, number, version, key_bits }
    }

    /// The suite of a number, when this server can speak it.
    pub fn numbered(number: u16) -> Option<&'static Self> {
        CIPHER_SUITES.iter().find(|suite| suite.number == number)
    }
}

/// Every suite, the newer version and the longer key first. All of them encrypt with authentication and
/// have keys that a stolen certificate does not open later.
pub static CIPHER_SUITES: [CipherSuite; 9] = [
    CipherSuite::new("TLS_AES_256_GCM_SHA384", 0x1302, TlsVersion::Tls13, 256),
    CipherSuite::new("TLS_CHACHA20_POLY1305_SHA256", 0x1303, TlsVersion::Tls13, 256),
    CipherSuite::new("TLS_AES_128_GCM_SHA256", 0x1301, TlsVersion::Tls13, 128),
    CipherSuite::new("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c, TlsVersion::Tls12, 256),
    CipherSuite::new(
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        0xcca9,
        TlsVersion::Tls12,
        256,
    ),
    CipherSuite::new("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b, TlsVersion::Tls12, 128),
    CipherSuite::new("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030, TlsVersion::Tls12, 256),
    CipherSuite::new("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8, TlsVersion::Tls12, 256),
    CipherSuite::new("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f, TlsVersion::Tls12, 128),
];
