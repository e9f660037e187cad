//! `crypto/...`: hashes and authentication codes, by the RustCrypto crates.

use super::Package;
use super::args::{Res, bytes, functions, text};
use crate::data::Data;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};

fn sum<D: Digest>(a: &[Data]) -> Res {
    Ok(D::digest(bytes(a, 0)?).to_vec().into())
}

macro_rules! sign {
    ($hash:ty, $key:expr, $data:expr) => {{
        let mut mac = <Hmac<$hash>>::new_from_slice($key).map_err(|e| super::CallError(e.to_string()))?;
        mac.update($data);
        Ok(mac.finalize().into_bytes().to_vec().into())
    }};
}

fn hmac_sign(hash: &str, key: &[u8], data: &[u8]) -> Res {
    match hash {
        "MD5" => sign!(Md5, key, data),
        "SHA1" => sign!(Sha1, key, data),
        "SHA224" => sign!(Sha224, key, data),
        "SHA256" => sign!(Sha256, key, data),
        "SHA384" => sign!(Sha384, key, data),
        "SHA512" => sign!(Sha512, key, data),
        "SHA512_224" => sign!(Sha512_224, key, data),
        "SHA512_256" => sign!(Sha512_256, key, data),
        other => Err(format!("unsupported hash function {other:?}").into()),
    }
}

/// `crypto/md5`
pub(super) static MD5: Package = Package {
    path: "crypto/md5",
    functions: functions! {
        /// The MD5 checksum.
        Sum(data: TEXT) -> BYTES = sum::<Md5>;
    },
    constants: &[("Size", || Data::int(16)), ("BlockSize", || Data::int(64))],
    source: "",
};

/// `crypto/sha1`
pub(super) static SHA1: Package = Package {
    path: "crypto/sha1",
    functions: functions! {
        /// The SHA-1 checksum.
        Sum(data: TEXT) -> BYTES = sum::<Sha1>;
    },
    constants: &[("Size", || Data::int(20)), ("BlockSize", || Data::int(64))],
    source: "",
};

/// `crypto/sha256`
pub(super) static SHA256: Package = Package {
    path: "crypto/sha256",
    functions: functions! {
        /// The SHA-224 checksum.
        Sum224(data: TEXT) -> BYTES = sum::<Sha224>;
        /// The SHA-256 checksum.
        Sum256(data: TEXT) -> BYTES = sum::<Sha256>;
    },
    constants: &[("Size", || Data::int(32)), ("Size224", || Data::int(28)), ("BlockSize", || Data::int(64))],
    source: "",
};

/// `crypto/sha512`
pub(super) static SHA512: Package = Package {
    path: "crypto/sha512",
    functions: functions! {
        /// The SHA-384 checksum.
        Sum384(data: TEXT) -> BYTES = sum::<Sha384>;
        /// The SHA-512 checksum.
        Sum512(data: TEXT) -> BYTES = sum::<Sha512>;
        /// The SHA-512/224 checksum.
        Sum512_224(data: TEXT) -> BYTES = sum::<Sha512_224>;
        /// The SHA-512/256 checksum.
        Sum512_256(data: TEXT) -> BYTES = sum::<Sha512_256>;
    },
    constants: &[
        ("Size", || Data::int(64)),
        ("Size224", || Data::int(28)),
        ("Size256", || Data::int(32)),
        ("Size384", || Data::int(48)),
        ("BlockSize", || Data::int(128)),
    ],
    source: "",
};

fn ed25519_valid(key: &[u8], message: &[u8], signature: &[u8]) -> Res {
    let key: [u8; 32] = key.try_into().map_err(|_| "ed25519: publicKey must be 32 bytes")?;
    let valid = ed25519_dalek::VerifyingKey::from_bytes(&key).is_ok_and(|key| {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|s| ed25519_dalek::Verifier::verify(&key, message, &s).is_ok())
    });
    Ok(valid.into())
}

/// `crypto/ed25519`
pub(super) static ED25519: Package = Package {
    path: "crypto/ed25519",
    functions: functions! {
        /// Whether the signature of the message is that of the public key's owner.
        Valid(publicKey: TEXT, message: TEXT, signature: TEXT) -> BOOL = |a| ed25519_valid(bytes(a, 0)?, bytes(a, 1)?, bytes(a, 2)?);
    },
    constants: &[("PublicKeySize", || Data::int(32))],
    source: "",
};

/// `crypto/hmac`
pub(super) static HMAC: Package = Package {
    path: "crypto/hmac",
    functions: functions! {
        /// The authentication code of `data` with a key, by the hash of this name (`hmac.SHA256`).
        Sign(hashName: STRING, key: TEXT, data: TEXT) -> BYTES = |a| hmac_sign(text(a, 0)?, bytes(a, 1)?, bytes(a, 2)?);
    },
    constants: &[
        ("MD5", || "MD5".into()),
        ("SHA1", || "SHA1".into()),
        ("SHA224", || "SHA224".into()),
        ("SHA256", || "SHA256".into()),
        ("SHA384", || "SHA384".into()),
        ("SHA512", || "SHA512".into()),
        ("SHA512_224", || "SHA512_224".into()),
        ("SHA512_256", || "SHA512_256".into()),
    ],
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::encoding::hex;
    use super::*;

    fn hex_of(data: Res) -> String {
        match data.unwrap() {
            Data::Bytes(b) => hex::encode(&b),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn checksums() {
        let a = [Data::from("abc")];
        assert_eq!(hex_of(sum::<Md5>(&a)), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex_of(sum::<Sha1>(&a)), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(hex_of(sum::<Sha224>(&a)), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
        assert_eq!(
            hex_of(sum::<Sha256>(&a)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        for (p, name, bytes) in [
            (&MD5, "Sum", 16),
            (&SHA1, "Sum", 20),
            (&SHA256, "Sum224", 28),
            (&SHA256, "Sum256", 32),
            (&SHA512, "Sum384", 48),
            (&SHA512, "Sum512", 64),
            (&SHA512, "Sum512_224", 28),
            (&SHA512, "Sum512_256", 32),
        ] {
            let f = p.functions.iter().find(|f| f.name == name).unwrap();
            let super::super::Run::Data(run) = f.run else { panic!() };
            assert_eq!(hex_of(run(&a)).len(), 2 * bytes, "{name}");
        }
    }

    /// The second example of RFC 8032, section 7.1.
    #[test]
    fn signatures() {
        let unhex = |s: &str| -> Vec<u8> {
            (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
        };
        let key = unhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let signature = unhex(concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ));
        assert_eq!(ed25519_valid(&key, &[0x72], &signature), Ok(true.into()));
        assert_eq!(ed25519_valid(&key, &[0x73], &signature), Ok(false.into()));
        assert_eq!(ed25519_valid(&key, &[0x72], b"short"), Ok(false.into()));
        assert!(ed25519_valid(b"abc", b"m", b"s").unwrap_err().0.contains("must be 32 bytes"));
    }

    #[test]
    fn authentication_codes() {
        for (hash, key, data, want) in [
            ("MD5", "Jefe", "what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
            (
                "SHA256",
                "Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            assert_eq!(hex_of(hmac_sign(hash, key.as_bytes(), data.as_bytes())), want);
        }
        assert!(hmac_sign("MD4", b"a", b"b").unwrap_err().0.contains("unsupported hash function"));
        for (name, value) in HMAC.constants {
            assert_eq!(value(), Data::from(*name));
            assert!(hmac_sign(name, b"k", b"d").is_ok());
        }
    }
}
