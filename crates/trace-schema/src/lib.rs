//! The TRACE constraint taxonomy, instructions, preference groups and evaluation rows.
