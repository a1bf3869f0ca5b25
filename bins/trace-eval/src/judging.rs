//! Asking a judge, and asking again while its answer cannot be read.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use chat_client::{AskError, ChatRequest, Message, Question, with_causes};
use iopo_cli::note;
use serde::Serialize;
use trace_score::{Cell, Column, Parted, Table, part_reasoning};

use crate::asking::{Asker, Changes, Endpoint, Totals, is_fatal, request};
use crate::cli::JudgeArgs;

/// More than the votes on one answer, so that all requests about it have different seeds.
const MAX_VOTES: u64 = 100;

/// The outcome of one judgement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ballot<T> {
    /// An answer that could be read, after so many that could not.
    Read { judgement: T, attempts: u32 },
    /// No answer could be read; the reason is that of the last.
    Unreadable { reason: String, attempts: u32 },
    /// The endpoint gave no answer.
    Unanswered { reason: String, attempts: u32 },
    /// The question was not asked: a cap was reached.
    Unasked { reason: String },
}

/// How many judgements had which outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct BallotCounts {
    pub(crate) judgements: usize,
    /// Read at the first or a later time.
    pub(crate) read: usize,
    /// Read or not, the judge was asked more than once.
    pub(crate) asked_again: usize,
    pub(crate) unreadable: usize,
    pub(crate) unanswered: usize,
    pub(crate) not_asked: usize,
}

/// All judgements, in the order of their prompts.
pub(crate) struct Judging<T> {
    pub(crate) ballots: Vec<Ballot<T>>,
    /// The judges' names as the endpoint gives them.
    pub(crate) answered_by: BTreeSet<String>,
    pub(crate) totals: Totals,
    /// What the judge was asked otherwise than typed.
    pub(crate) changes: Changes,
}

/// One judgement to ask for.
pub(crate) struct Task {
    /// Its name in the journal.
    pub(crate) name: String,
    /// Which vote on the same answer it is, from 0.
    pub(crate) vote: u32,
    pub(crate) messages: Vec<Message>,
}

/// Asks for every judgement; `read` is given the task's place, the judge's answer without its reasoning, and whether it
/// is the last one.
///
/// Each attempt has a tag of its own in the journal.
pub(crate) fn judge<T>(
    args: &JudgeArgs,
    journal: &Path,
    tasks: &[Task],
    read: impl Fn(usize, &str, bool) -> Result<T, String>,
) -> Result<Judging<T>> {
    let question = |task: &Task, attempt| {
        Question::new(format!("{} attempt {attempt}", task.name), judge_request(args, task, attempt))
    };
    if let Some(first) = tasks.first() {
        question(first, 1).request.body(&args.judge_model).context("these questions cannot be asked")?;
    }
    let endpoint = Endpoint {
        url: &args.judge_endpoint,
        model: &args.judge_model,
        api_key_env: args.judge_api_key_env.as_deref(),
    };
    let asker = Asker::open(endpoint, &args.ask, journal)?;
    let nothing = || Ballot::Unasked { reason: String::new() };
    let mut ballots: Vec<Ballot<T>> = tasks.iter().map(|_| nothing()).collect();
    let (mut answered_by, mut changes) = (BTreeSet::new(), Changes::default());
    let mut open: Vec<usize> = (0..tasks.len()).collect();
    for attempt in 1..=args.parse_attempts {
        let questions = open.iter().map(|&place| question(&tasks[place], attempt));
        let mut unread = Vec::new();
        for (&place, answered) in open.iter().zip(asker.ask(questions)) {
            let ballot = match answered.outcome {
                Ok(answer) => {
                    asker.tell(&mut changes, &answer.changes);
                    answered_by.extend(answer.response.model);
                    let Parted { answer, is_open, .. } = part_reasoning(&answer.response.content);
                    let judgement = match is_open {
                        true => Err("it ends within its reasoning".to_owned()),
                        false => read(place, &answer, attempt == args.parse_attempts),
                    };
                    match judgement {
                        Ok(judgement) => Ballot::Read { judgement, attempts: attempt },
                        Err(reason) => {
                            unread.push(place);
                            Ballot::Unreadable { reason, attempts: attempt }
                        }
                    }
                }
                Err(error) => without_answer(error, attempt)?,
            };
            ballots[place].follow(ballot);
        }
        open = unread;
    }
    let totals = asker.finish(&args.ask);
    if let Some(reason) = ballots.iter().find_map(Ballot::unasked) {
        note(format!("stopped: {reason}"));
    }
    Ok(Judging { ballots, answered_by, totals, changes })
}

fn without_answer<T>(error: AskError, attempts: u32) -> Result<Ballot<T>> {
    match is_fatal(&error) {
        true => Err(error.into()),
        false if error.is_unasked() => Ok(Ballot::Unasked { reason: with_causes(&error) }),
        false => Ok(Ballot::Unanswered { reason: with_causes(&error), attempts }),
    }
}

/// Judges are asked at temperature 0, as the released script does, unless another one was typed.
fn judge_request(args: &JudgeArgs, task: &Task, attempt: u32) -> ChatRequest {
    let plain = request(&args.ask, task.messages.clone());
    let further = u64::from(task.vote) + MAX_VOTES * u64::from(attempt - 1);
    ChatRequest {
        temperature: Some(plain.temperature.unwrap_or(0.0)),
        seed: plain.seed.map(|seed| seed.wrapping_add(further)),
        ..plain
    }
}

impl<T> Ballot<T> {
    /// Replaces the outcome of an attempt by that of the next.
    ///
    /// A cap that forbids the next attempt keeps the outcome before.
    fn follow(&mut self, next: Self) {
        match (&*self, &next) {
            (Self::Unreadable { .. }, Self::Unasked { .. }) => {}
            _ => *self = next,
        }
    }

    /// The judgement, if there is one.
    pub(crate) fn judgement(&self) -> Option<&T> {
        match self {
            Self::Read { judgement, .. } => Some(judgement),
            _ => None,
        }
    }

    /// Why the judge was not asked, if it was not.
    fn unasked(&self) -> Option<&str> {
        match self {
            Self::Unasked { reason } => Some(reason),
            _ => None,
        }
    }

    /// Why there is no judgement.
    pub(crate) fn failure(&self) -> Option<String> {
        match self {
            Self::Read { .. } => None,
            Self::Unreadable { reason, .. } => Some(format!("the judge's answer cannot be read: {reason}")),
            Self::Unanswered { reason, .. } => Some(format!("the judge gave no answer: {reason}")),
            Self::Unasked { reason } => Some(format!("the judge was not asked: {reason}")),
        }
    }

    /// How often the judge was asked.
    pub(crate) fn attempts(&self) -> u32 {
        match self {
            Self::Read { attempts, .. }
            | Self::Unreadable { attempts, .. }
            | Self::Unanswered { attempts, .. } => *attempts,
            Self::Unasked { .. } => 0,
        }
    }
}

impl BallotCounts {
    /// Counts judgements.
    pub(crate) fn of<T>(ballots: &[Ballot<T>]) -> Self {
        let count = |of: fn(&Ballot<T>) -> bool| ballots.iter().filter(|ballot| of(ballot)).count();
        Self {
            judgements: ballots.len(),
            read: count(|ballot| matches!(ballot, Ballot::Read { .. })),
            asked_again: count(|ballot| ballot.attempts() > 1),
            unreadable: count(|ballot| matches!(ballot, Ballot::Unreadable { .. })),
            unanswered: count(|ballot| matches!(ballot, Ballot::Unanswered { .. })),
            not_asked: count(|ballot| matches!(ballot, Ballot::Unasked { .. })),
        }
    }

    /// The counts as a table.
    pub(crate) fn table(&self, without_answer: usize) -> Table {
        let rows = [
            ("responses missing, so that there is nothing to judge", without_answer),
            ("judgements", self.judgements),
            ("read", self.read),
            ("asked for more than once", self.asked_again),
            ("failed: no answer could be read", self.unreadable),
            ("failed: the judge gave no answer", self.unanswered),
            ("not asked for", self.not_asked),
        ];
        let rows = rows.map(|(name, count)| vec![Cell::from(name), count.to_string().into()]).to_vec();
        let columns = vec![Column::text(""), Column::number("count")];
        Table { caption: "Judgements".to_owned(), columns, rows, notes: Vec::new() }
    }
}
