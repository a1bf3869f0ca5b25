//! Panics of the `tokenizers` crate as errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

type Failure = Box<dyn std::error::Error + Send + Sync>;

thread_local! {
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Does what may panic instead of failing: the crate's engine for regular expressions does when it gives up a text, and
/// it offers no other way to search. The panic's message is the error, and is not printed.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_CAUGHT.get() {
                print(info);
            }
        }));
    });
    IS_CAUGHT.set(true);
    // A tokenizer holds nothing that a broken-off search leaves half done.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(false);
    result.unwrap_or_else(|panic| Err(message(&*panic).into()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it failed without a message").to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let failed = caught::<()>(|| panic!("the search was given up"));
        assert_eq!(failed.unwrap_err().to_string(), "the search was given up");
        assert_eq!(caught(|| Ok(1)).unwrap(), 1);
        // Other panics are printed as before.
        assert!(!IS_CAUGHT.get());
    }
}
