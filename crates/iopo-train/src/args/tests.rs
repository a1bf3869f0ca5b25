//! Claims about reading configurations.
