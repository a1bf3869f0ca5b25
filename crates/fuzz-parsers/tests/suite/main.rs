//! Replays the corpus of the fuzz targets, whole and damaged, on a stable compiler.

mod damage;
mod replay;
