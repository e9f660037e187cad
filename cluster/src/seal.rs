//! Secrets as they lie on disk: sealed, so that whoever sees the database file or a copy of it does not see them.
//!
//! Each Secret is encrypted by itself (ChaCha20-Poly1305, a nonce of its own) and bound to its place, so that it opens under no other name. The
//! key is in a file beside the database that only its owner can read. What was stored before there was a key is read as it is, and sealed when it is
//! next written. Tests are at the end.

use crate::store::Key;
use bytes::Bytes;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::borrow::Cow;
use std::io::{Error, ErrorKind, Read, Write};
use std::path::Path;

const KEY_LEN: usize = 32;
/// The first byte of what is sealed; no JSON begins with it.
const SEALED: u8 = 1;
/// The resource whose objects are sealed.
const SECRETS: &str = "secrets/";

/// The key of a store.
pub(crate) struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
}

/// Why something sealed cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("a stored Secret cannot be opened: the key beside the store is not the one it was sealed with")]
pub(crate) struct WrongKey;

fn no_randomness(_: ring::error::Unspecified) -> Error {
    Error::other("the system gives no random numbers")
}

impl Seal {
    /// The key in this file, made if there is none; without a file one that is gone with the process.
    pub(crate) fn open(file: Option<&Path>) -> Result<Seal, Error> {
        let random = SystemRandom::new();
        let fresh = || {
            let mut key = [0; KEY_LEN];
            random.fill(&mut key).map_err(no_randomness).map(|()| key)
        };
        let key = match file {
            None => fresh()?,
            Some(file) => match std::fs::File::open(file) {
                Ok(there) => {
                    let mut key = Vec::new();
                    there.take(KEY_LEN as u64 + 1).read_to_end(&mut key)?;
                    key.try_into().map_err(|_| {
                        Error::new(ErrorKind::InvalidData, format!("{} does not hold a key", file.display()))
                    })?
                }
                Err(e) if e.kind() == ErrorKind::NotFound => {
                    let key = fresh()?;
                    write(file, &key)?;
                    key
                }
                Err(e) => return Err(e),
            },
        };
        let unbound = UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(no_randomness)?;
        Ok(Seal { key: LessSafeKey::new(unbound), random })
    }

    /// An object as it is to be stored.
    pub(crate) fn seal<'b>(&self, key: &Key, object: &'b [u8]) -> Result<Cow<'b, [u8]>, Error> {
        if !key.as_str().starts_with(SECRETS) {
            return Ok(Cow::Borrowed(object));
        }
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(no_randomness)?;
        let mut body = object.to_vec();
        let place = Aad::from(key.as_str().as_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place, &mut body)
            .map_err(|_| Error::other("a Secret is too large to be sealed"))?;
        Ok(Cow::Owned([&[SEALED], &nonce[..], &body].concat()))
    }

    /// An object from what is stored.
    pub(crate) fn open_object<'b>(&self, key: &str, stored: &'b [u8]) -> Result<Cow<'b, [u8]>, WrongKey> {
        match stored.split_first() {
            Some((&SEALED, rest)) => {
                let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(WrongKey)?;
                let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| WrongKey)?;
                let mut body = body.to_vec();
                let opened = self.key.open_in_place(nonce, Aad::from(key.as_bytes()), &mut body);
                let len = opened.map_err(|_| WrongKey)?.len();
                body.truncate(len);
                Ok(Cow::Owned(body))
            }
            _ => Ok(Cow::Borrowed(stored)),
        }
    }

    /// [`Seal::open_object`], for keeping.
    pub(crate) fn bytes(&self, key: &str, stored: &[u8]) -> Result<Bytes, WrongKey> {
        Ok(match self.open_object(key, stored)? {
            Cow::Borrowed(b) => Bytes::copy_from_slice(b),
            Cow::Owned(b) => Bytes::from(b),
        })
    }
}

/// Writes the key where nobody else can read it, and makes sure that it is there before anything is sealed with it.
fn write(file: &Path, key: &[u8]) -> Result<(), Error> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut created = options.open(file)?;
    created.write_all(key)?;
    created.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let seal = Seal::open(None).unwrap();
        let key = Key::new("secrets", "default", "s");
        let stored = seal.seal(&key, b"{\"data\": 1}").unwrap();
        assert!(!stored.windows(4).any(|w| w == b"data"));
        assert_eq!(&*seal.open_object(key.as_str(), &stored).unwrap(), b"{\"data\": 1}");
        assert_ne!(stored, seal.seal(&key, b"{\"data\": 1}").unwrap(), "each time another nonce");
        assert!(seal.open_object("secrets/default/other", &stored).is_err());
        assert!(Seal::open(None).unwrap().open_object(key.as_str(), &stored).is_err());
        for cut in 1..stored.len() {
            assert!(seal.open_object(key.as_str(), &stored[..cut]).is_err());
        }
    }

    #[test]
    fn other_objects_and_older_secrets_are_as_they_are() {
        let seal = Seal::open(None).unwrap();
        let key = Key::new("configmaps", "default", "s");
        assert_eq!(&*seal.seal(&key, b"{}").unwrap(), b"{}");
        assert_eq!(&*seal.open_object("secrets/default/s", b"{}").unwrap(), b"{}");
    }

    #[test]
    fn the_key_is_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        let key = Key::new("secrets", "d", "s");
        let stored = Seal::open(Some(&file)).unwrap().seal(&key, b"{}").unwrap().into_owned();
        assert_eq!(&*Seal::open(Some(&file)).unwrap().open_object(key.as_str(), &stored).unwrap(), b"{}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&file, b"short").unwrap();
        assert!(Seal::open(Some(&file)).err().unwrap().to_string().ends_with("does not hold a key"));
    }
}
