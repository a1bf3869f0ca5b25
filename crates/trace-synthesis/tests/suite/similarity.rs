//! Laws of the search for near-duplicates.

use std::fmt::Write;
use std::time::Instant;

use proptest::prelude::*;
use trace_synthesis::similarity::{SimilarityIndex, jaccard};
use trace_world::{CountDistribution, TaskSampler, world_rng};

fn few(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Text without meaning: Chinese for even languages, else words of letters.
fn text(seed: u64, length: usize) -> String {
    use rand_chacha::rand_core::Rng;
    let mut rng = world_rng(seed, 0);
    let chinese = seed.is_multiple_of(2);
    let mut text = String::new();
    for place in 0..length {
        let drawn = rng.next_u32();
        match chinese {
            true => text.extend(char::from_u32(0x4e00 + drawn % 3000)),
            false if place % 6 == 5 => text.push(' '),
            false => text.extend(char::from_u32(u32::from('a') + drawn % 26)),
        }
    }
    text
}

/// The text with every `step`th character replaced.
fn changed(text: &str, step: usize) -> String {
    text.chars().enumerate().map(|(place, c)| if place % step == step / 2 { '#' } else { c }).collect()
}

/// The estimate of the similarity of two texts, if it is at least 0.1.
fn estimated(one: &str, other: &str) -> Option<f64> {
    let mut index = SimilarityIndex::new(0.1).unwrap();
    index.insert("one", one);
    index.find(other).map(|found| found.similarity)
}

proptest! {
    #![proptest_config(few(128))]

    #[test]
    fn equal_texts_are_found_with_similarity_1(text in "\\PC{0,80}", threshold in 0.1..=1.0_f64) {
        let mut index = SimilarityIndex::new(threshold).unwrap();
        index.insert("it", &text);
        let spaced: String = text.chars().flat_map(|c| [c, '\u{3000}', '\n']).collect();
        for copy in [text.clone(), spaced, text.to_ascii_uppercase()] {
            let found = index.find(&copy);
            prop_assert_eq!(found.map(|found| (found.id, found.similarity)), Some(("it", 1.0)));
        }
    }

    #[test]
    fn the_estimate_is_near_the_similarity(seed: u64, length in 30_usize..600, step in 8_usize..200) {
        let one = text(seed, length);
        let other = changed(&one, step);
        let exact = jaccard(&one, &other);
        // Seven standard deviations of 256 trials: the tails of a binomial distribution are heavier than those of the
        // normal one, the hash functions are not quite independent, and the test must not fail by chance.
        let bound = 7.0 * (exact * (1.0 - exact) / 256.0).sqrt() + 0.005;
        match estimated(&one, &other) {
            Some(estimate) => prop_assert!((estimate - exact).abs() <= bound, "{estimate} for {exact}"),
            None => prop_assert!(exact < 0.1 + bound, "nothing for {exact}"),
        }
    }

    #[test]
    fn the_estimate_does_not_depend_on_which_text_comes_first(seed: u64, step in 10_usize..80) {
        let one = text(seed, 200);
        let other = changed(&one, step);
        prop_assert_eq!(estimated(&one, &other), estimated(&other, &one));
    }

    #[test]
    fn unrelated_texts_are_no_match(seed: u64, length in 20_usize..400) {
        let mut index = SimilarityIndex::new(0.3).unwrap();
        for entry in 1..20 {
            index.insert(entry.to_string(), &text(seed.wrapping_add(2 * entry), length));
        }
        prop_assert_eq!(index.find(&text(seed, length)), None);
    }

    #[test]
    fn of_several_entries_the_most_similar_is_found(seed: u64) {
        let wanted = text(seed, 400);
        let mut index = SimilarityIndex::new(0.3).unwrap();
        // Similarities of about 0.33, 0.95 and 0.6: ten standard deviations of an estimate apart.
        for step in [10, 200, 20] {
            index.insert(step.to_string(), &changed(&wanted, step));
        }
        prop_assert_eq!(index.find(&wanted).map(|found| found.id), Some("200"));
    }
}

#[test]
fn near_duplicates_above_the_threshold_are_found() {
    let mut index = SimilarityIndex::new(0.7).unwrap();
    for seed in 0..120_u64 {
        index.insert(seed.to_string(), &text(seed, 150));
    }
    let (mut near, mut found, mut false_matches) = (0, 0, 0);
    for seed in 0..120_u64 {
        let original = text(seed, 150);
        for step in [8, 12, 16, 45, 50, 60, 75, 150] {
            let copy = changed(&original, step);
            let similarity = jaccard(&original, &copy);
            // Three deviations of the estimate above and below the threshold.
            let margin = 0.09;
            let is_found = index.find(&copy).is_some_and(|found| found.id == seed.to_string());
            near += usize::from(similarity >= 0.7 + margin);
            found += usize::from(similarity >= 0.7 + margin && is_found);
            false_matches += usize::from(similarity <= 0.7 - margin && is_found);
        }
    }
    println!("{found} of {near} near-duplicates found, {false_matches} false matches");
    assert!(near > 300, "the texts should have near-duplicates");
    assert!(found as f64 >= 0.995 * near as f64, "{found} of {near}");
    assert!(false_matches <= 2, "{false_matches} false matches");
}

#[test]
fn the_first_of_equal_entries_is_found_and_the_second_takes_no_place() {
    let mut index = SimilarityIndex::new(0.8).unwrap();
    assert!(index.is_empty());
    index.insert("first", "Write ten lines about rivers.");
    index.insert("second", "WRITE ten lines\nabout rivers.");
    assert_eq!(index.len(), 1);
    assert_eq!(index.find("write ten lines about rivers.").unwrap().id, "first");
}

#[test]
fn a_threshold_that_tells_nothing_apart_is_refused() {
    for threshold in [0.0, 0.09, 1.01, -0.5, f64::NAN, f64::INFINITY] {
        let error = SimilarityIndex::new(threshold).unwrap_err();
        assert!(error.to_string().contains("must lie between 0.1 and 1"), "{threshold}");
    }
}

#[test]
fn an_edit_of_one_word_is_near_and_another_theme_is_not() {
    let mut index = SimilarityIndex::new(0.6).unwrap();
    index.insert("zh", "请写一篇关于春天的短文，不超过两百字，语气轻松，并在结尾附上一句诗。");
    index.insert("en", "Write a short text about spring in no more than 200 words, in a light tone, and end with a line of verse.");
    let id = |text: &str| index.find(text).map(|found| found.id);
    assert_eq!(id("请写一篇关于秋天的短文，不超过两百字，语气轻松，并在结尾附上一句诗。"), Some("zh"));
    assert_eq!(
        id(
            "Write a short text about autumn in no more than 200 words, in a light tone, and end with a line of verse."
        ),
        Some("en")
    );
    assert_eq!(id("请把下面的表格翻译成英文，保留所有数字，不要解释。"), None);
    assert_eq!(id("Translate the table below into French, keep all numbers, and explain nothing."), None);
}

/// Answers for a fixed collection, so that a change of any hash shows.
#[test]
fn answers_are_the_same_on_every_machine() {
    let mut index = SimilarityIndex::new(0.2).unwrap();
    let mut answers = String::new();
    for seed in 0..6 {
        let original = text(seed, 120);
        index.insert(seed.to_string(), &original);
        let found = index.find(&changed(&original, 17)).unwrap();
        write!(answers, "{} {} ", found.id, found.similarity * 256.0).unwrap();
    }
    assert_eq!(answers, "0 189 1 118 2 176 3 120 4 169 5 119 ");
}

/// Run with `cargo test --release -p trace-synthesis --test suite -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn time_and_memory_of_120_000_rows() {
    let resident = || {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        pages.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(f64::NAN) * 4096.0 / 1e6
    };
    let mut rng = world_rng(1, 0);
    let sampler = TaskSampler::new(CountDistribution::paper_training());
    let texts: Vec<String> = (0..120_000).map(|_| sampler.sample(&mut rng).unwrap().prompt()).collect();
    let characters: usize = texts.iter().map(|text| text.chars().count()).sum();
    let (before, start) = (resident(), Instant::now());
    let mut index = SimilarityIndex::new(0.8).unwrap();
    let mut matches = 0;
    for (row, text) in texts.iter().enumerate() {
        match index.find(text) {
            Some(_) => matches += 1,
            None => index.insert(row.to_string(), text),
        }
    }
    println!(
        "{} texts of {} characters on average: {matches} matches, {} entries, {:.1} s, {:.0} MB",
        texts.len(),
        characters / texts.len(),
        index.len(),
        start.elapsed().as_secs_f64(),
        resident() - before
    );
    assert_eq!(index.len() + matches, texts.len());
}
