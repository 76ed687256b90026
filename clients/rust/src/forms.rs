//! The forms of strings that the contract admits, and ids.

use std::sync::LazyLock;

use regex_lite::Regex;

use crate::limits::FORMS;

static USER_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| form("user_key"));
static ATTRIBUTE_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| form("attribute_key"));
static UUID: LazyLock<Option<Regex>> = LazyLock::new(|| form("uuid"));
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| form("token"));

fn form(name: &str) -> Option<Regex> {
    let (_, source) = FORMS.iter().find(|(known, _)| *known == name)?;
    Regex::new(source).ok()
}

fn matches(form: &LazyLock<Option<Regex>>, text: &str) -> bool {
    form.as_ref().is_some_and(|form| form.is_match(text))
}

pub(crate) fn is_token(text: &str) -> bool {
    matches(&TOKEN, text)
}

pub(crate) fn is_uuid(text: &str) -> bool {
    matches(&UUID, text)
}

pub(crate) fn is_user_key(text: &str) -> bool {
    matches(&USER_KEY, text)
}

pub(crate) fn is_attribute_key(text: &str) -> bool {
    matches(&ATTRIBUTE_KEY, text)
}

/// Returns a new UUIDv7.
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Returns the keyed hash by which a run names its user: HMAC-SHA256, 64 hex digits. Keep the secret the same, so that a
/// user stays the same one; and keep it secret, so that nobody finds out who it is.
pub fn user_key(user_id: &str, secret: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    let tag = ring::hmac::sign(&key, user_id.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
