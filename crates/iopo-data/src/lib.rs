//! Chat templates, tokenisation, token tries and batches for preference training.
