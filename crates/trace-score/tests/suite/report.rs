//! The report as a page: what it shows, and that no text can break it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trace_schema::{Constraint, ConstraintDimension};
use trace_score::report::{Answers, BarCategory, BarChart, Block, LineChart, Report, Section, Series};
use trace_score::stats::{Estimate, Interval, IntervalConfig};
use trace_score::{Comparison, ConstraintScore, Judged, JudgedConstraint, Metric, Scores, Table, Verdict};

const PROMPTS: [&str; 4] = [
    "Name some fruits. Unless told otherwise: three, plain.",
    "Summarise the passage for a reader who has never sailed.",
    "为一位朋友写一封生日贺信，语气亲切。",
    "اكتب جملة قصيرة عن البحر بأسلوب رسمي.",
];

/// A run in which constraints are followed with this probability, and every fortieth judgement fails.
fn run(name: &str, probability: f64, seed: u64) -> Vec<Judged> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut row = |index: usize| {
        let constraint = |place: usize| {
            let dimension = ConstraintDimension::ALL[(index * 7 + place * 5) % 26];
            Constraint::new(format!("{}. {}", place + 1, dimension.description()), dimension)
        };
        let constraints: Vec<_> = (0..1 + index % 5).map(constraint).collect();
        let verdict = match rng.random_range(0..40) {
            0 => Verdict::Failed { constraints, reason: "the judge's answer has no scores".to_owned() },
            _ => {
                let judge = |constraint: Constraint| {
                    let score = if rng.random_bool(probability) { 10 } else { rng.random_range(0..10) };
                    let Constraint { text, dimension } = constraint;
                    JudgedConstraint {
                        text,
                        dimension,
                        score: ConstraintScore::new(f64::from(score)).unwrap(),
                    }
                };
                let constraints = constraints.into_iter().map(judge).collect();
                Verdict::Scored { constraints, also_required: rng.random_bool(0.9) }
            }
        };
        let prompt = format!("{}\n", PROMPTS[index % 4]);
        Judged {
            id: index.to_string(),
            prompt,
            answer: format!("plum, fig, pear ({name}, row {index})"),
            verdict,
        }
    };
    (0..200).map(&mut row).collect()
}

fn curve(label: &str, points: usize, from: f64, to: f64) -> Series {
    let mut rng = ChaCha8Rng::seed_from_u64(points as u64);
    let point = |step: usize| {
        let part = step as f64 / points as f64;
        (
            step as f64 * 500.0 / points as f64,
            to + (from - to) * (-4.0 * part).exp() + 0.02 * rng.random::<f64>(),
        )
    };
    Series { label: label.to_owned(), points: (0..=points).map(point).collect() }
}

/// A report with every kind of block, as a bench would make it.
fn sample() -> Report {
    let config = IntervalConfig { resamples: 200, ..IntervalConfig::default() };
    let runs = [("SFT", run("SFT", 0.72, 1)), ("DPO", run("DPO", 0.8, 2)), ("IOPO", run("IOPO", 0.84, 3))];
    let scores = runs.each_ref().map(|(name, rows)| (*name, Scores::of(rows, &config).unwrap()));
    let named = scores.each_ref().map(|(name, scores)| (*name, scores));
    let mut comparison = Comparison::of_trace();
    for (name, scores) in &named {
        comparison.add_scores("toy 1.2M", name, scores).unwrap();
    }
    comparison.show_improvement("IOPO", "DPO").unwrap();
    let rows = runs.each_ref().map(|(name, rows)| (*name, rows.as_slice()));
    let provenance = [
        ("data", "eval_multi.jsonl"),
        ("rows", "200"),
        ("judge", "rules, exact"),
        ("seed", "7"),
        ("weights", "sha256:9f2c41d6a0be77d1f80c35a2e1d94b6f0c8e5a17d3b2490cc6e1f7a88d0b5e42"),
    ];
    let losses =
        vec![curve("IOPO", 500, 0.693, 0.31), curve("DPO", 500, 0.693, 0.38), curve("SFT", 500, 1.2, 0.62)];
    let evaluations = vec![curve("IOPO", 10, 0.30, 0.43), curve("DPO", 10, 0.30, 0.40)];
    Report {
        title: "IOPO, DPO and SFT on the verifiable world".to_owned(),
        subtitle: "Three systems, the same 200 prompts".to_owned(),
        sections: vec![
            Section::new(
                "Provenance",
                vec![Block::KeyValues(
                    provenance.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
                )],
            ),
            Section::new(
                "Results",
                vec![
                    Block::Text("Shares in percent. A judgement that failed is in no share.".to_owned()),
                    Block::Table(comparison.table()),
                    Block::Table(comparison.table_of_intervals()),
                ],
            ),
            Section::new(
                "By part",
                vec![
                    Block::Bars(BarChart::by_constraint_count(&named)),
                    Block::Bars(BarChart::by_type(&named)),
                    Block::Bars(BarChart::by_dimension(&named)),
                ],
            ),
            Section::new(
                "Training",
                vec![
                    Block::Lines(LineChart {
                        caption: "Training loss".to_owned(),
                        across: "step".to_owned(),
                        up: "loss, nats".to_owned(),
                        series: losses,
                        from_zero: true,
                    }),
                    Block::Lines(LineChart {
                        caption: "IF-M on the validation rows".to_owned(),
                        across: "step".to_owned(),
                        up: "IF-M".to_owned(),
                        series: evaluations,
                        from_zero: false,
                    }),
                ],
            ),
            Section::new("IOPO in numbers", named[2].1.tables().into_iter().map(Block::Table).collect()),
            Section::new(
                "Answers",
                vec![Block::Answers(
                    Answers::of(&rows).unwrap().keep(12, trace_score::report::AnswerRow::is_split),
                )],
            ),
        ],
    }
}

/// The page is left in the target folder, to be looked at, and a hostile one beside it.
#[test]
fn the_same_report_gives_the_same_bytes() {
    let page = sample().render().unwrap();
    assert_eq!(page, sample().render().unwrap());
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(folder.join("report.html"), page).unwrap();
    let hostile = page_of(&format!("{}{}", HOSTILE[0], "long".repeat(80)));
    std::fs::write(folder.join("hostile.html"), hostile).unwrap();
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = sample().render().unwrap();
    for outside in
        ["http:", "https:", "<script", "<link rel=\"stylesheet", "@import", "url(", " src=", "javascript:"]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
    assert_eq!(page.matches("NaN").count() + page.matches("inf%").count(), 0);
}

#[test]
fn verdicts_are_ticked_crossed_or_in_doubt() {
    let page = sample().render().unwrap();
    for mark in [
        r#"<span class="mark yes">✓&nbsp;10</span>"#,
        r#"<span class="mark no">✗</span>"#,
        r#"<span class="mark none">?</span>"#,
    ] {
        assert!(page.contains(mark), "{mark}");
    }
    assert!(page.contains("12 of 200 answered prompts"));
    assert!(page.contains("No verdict: the judge&#x27;s answer has no scores"));
    assert!(page.contains("What else the description requires"));
    assert!(page.contains("failed and left out: IF-S 1 of 40"));
}

/// A page whose every text is `text`.
fn page_of(text: &str) -> String {
    let own = || text.to_owned();
    let constraints = vec![
        JudgedConstraint {
            text: own(),
            dimension: Some(trace_schema::DimensionLabel::parse(text)),
            score: true.into(),
        },
        JudgedConstraint { text: own(), dimension: None, score: false.into() },
    ];
    let verdict = Verdict::Scored { constraints, also_required: false };
    let judged = Judged { id: own(), prompt: own(), answer: own(), verdict };
    let failed = Verdict::Failed {
        constraints: judged
            .constraints()
            .map(|(text, label, _)| Constraint { text: text.to_owned(), dimension: label.cloned() })
            .collect(),
        reason: own(),
    };
    let failed = Judged { verdict: failed, ..judged.clone() };
    let rows = [judged];
    let scores = Scores::of(&rows, &IntervalConfig { resamples: 5, ..IntervalConfig::default() }).unwrap();
    let mut comparison = Comparison::new(vec![Metric::percent(own(), own())]);
    comparison.add(text, text, vec![Estimate::share(1, 2, 1, &IntervalConfig::default())]).unwrap();
    let blocks = vec![
        Block::Text(own()),
        Block::KeyValues(vec![(own(), own())]),
        Block::Table(comparison.table()),
        Block::Table(Table { caption: own(), notes: vec![own()], ..Table::default() }),
        Block::Bars(BarChart::by_dimension(&[(text, &scores), (text, &scores)])),
        Block::Bars(BarChart {
            caption: own(),
            axis: own(),
            systems: vec![own(), own()],
            categories: vec![BarCategory { label: own(), note: own(), bars: vec![Estimate::default(); 3] }],
            ..BarChart::default()
        }),
        Block::Lines(LineChart {
            caption: own(),
            across: own(),
            up: own(),
            series: vec![Series {
                label: own(),
                points: vec![(0.0, f64::NAN), (1.0, 2.0), (f64::INFINITY, 0.0)],
            }],
            from_zero: false,
        }),
        Block::Answers(Answers::of(&[(text, &rows), (text, &[failed])]).unwrap()),
    ];
    let report = Report {
        title: own(),
        subtitle: own(),
        sections: vec![Section::new(own(), blocks.clone()), Section::new(own(), blocks)],
    };
    report.render().unwrap()
}

/// The tags of a page, without their text and attributes' values.
fn skeleton(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|tag| tag.split([' ', '>', '\n']).next().unwrap()).collect()
}

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}</style>",
    "{{ 7 * 7 }}{% include 'style.css' %}",
    "</pre></details><!-- ",
    "\u{202e}\u{5d0}\u{5d1}\u{2066}",
    "&lt;b&gt; &amp; \u{0}",
];

#[test]
fn hostile_text_adds_no_tag() {
    let plain = page_of("plain");
    for text in HOSTILE {
        let page = page_of(text);
        assert_eq!(skeleton(&page), skeleton(&plain), "{text}");
    }
    assert!(!page_of(HOSTILE[1]).contains("\"><img"));
    assert!(!page_of(HOSTILE[2]).contains("' onmouseover"));
    assert!(page_of(HOSTILE[4]).contains("{{ 7 * 7 }}"));
}

#[test]
fn text_may_be_empty_or_one_long_word() {
    assert!(page_of("").contains("The answer is empty."));
    let long = "x".repeat(100_000);
    assert!(page_of(&long).contains(&long));
    assert!(Report::default().render().unwrap().contains("<title></title>"));
}

/// Values without number or beyond the axis draw no bar outside of it.
#[test]
fn impossible_values_stay_within_the_chart() {
    let bar = |value, low, high| Estimate {
        value: Some(value),
        interval: Some(Interval { low, high }),
        n: 1,
        n_failed: 0,
    };
    let bars = vec![bar(f64::NAN, 0.0, 1.0), bar(1e308, -1e308, f64::INFINITY), bar(-0.2, -0.4, 0.1)];
    let chart = BarChart {
        systems: ["a", "b", "c"].map(str::to_owned).to_vec(),
        categories: vec![BarCategory { label: "all".to_owned(), note: String::new(), bars }],
        factor: 100.0,
        ..BarChart::default()
    };
    let page = Report { sections: vec![Section::new("s", vec![Block::Bars(chart)])], ..Report::default() }
        .render()
        .unwrap();
    for style in page.split("style=\"").skip(1) {
        let style = style.split('"').next().unwrap();
        for number in style.split([':', '%', ';']).filter_map(|part| part.parse::<f64>().ok()) {
            assert!((0.0..=100.0).contains(&number), "{style}");
        }
        assert!(!style.contains("NaN"), "{style}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_text_adds_a_tag(text in "\\PC{1,40}|[<>&\"'/={}% a-z]{1,40}") {
        let plain = page_of("plain");
        let page = page_of(&text);
        prop_assert_eq!(skeleton(&page), skeleton(&plain));
    }
}
