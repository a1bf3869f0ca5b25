//! Answers in the order of their questions.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, FutureExt, pending, select};
use futures_util::{Stream, StreamExt, stream};
use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};

use super::client::{Answer, JournaledClient};
use crate::error::AskError;
use crate::journal::Location;
use crate::key::{Question, QuestionKey};

/// The outcome of one question.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Its place in the stream of questions, counted from 0.
    pub index: u64,
    /// Its key; `None` for a question that cannot be sent.
    pub key: Option<QuestionKey>,
    /// Its answer.
    pub outcome: Result<Answer, AskError>,
}

/// The state of a question whose turn in the order has not come.
#[derive(Debug)]
enum Slot {
    UnderWay,
    Kept { key: QuestionKey, place: Location, from_journal: bool },
    Lost { key: Option<QuestionKey>, error: Box<AskError> },
}

/// How a task ended, and which.
type Ended = Result<(Id, Result<Location, AskError>), JoinError>;

/// The run of [`JournaledClient::ask_all`]; dropping it aborts the questions under way.
///
/// Requests go on by themselves, while new questions are asked within [`next`](Self::next).
#[derive(Debug)]
pub struct Answers<S> {
    client: JournaledClient,
    questions: S,
    has_more: bool,
    max: usize,
    /// The index of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    running: JoinSet<Result<Location, AskError>>,
    /// What each task asks.
    asking: HashMap<Id, QuestionKey>,
    /// Which questions wait for each key under way.
    waiting: HashMap<QuestionKey, Vec<u64>>,
}

impl<S: Stream<Item = Question> + Unpin> Answers<S> {
    pub(super) fn new(client: JournaledClient, questions: S, max: usize) -> Self {
        Self {
            client,
            questions,
            has_more: true,
            max,
            first: 0,
            slots: VecDeque::new(),
            running: JoinSet::new(),
            asking: HashMap::new(),
            waiting: HashMap::new(),
        }
    }

    /// The outcome of the next question, in their order; `None` after the last.
    ///
    /// It is cancel safe.
    pub async fn next(&mut self) -> Option<Answered> {
        self.top_up();
        loop {
            if let Some(answered) = self.take_first() {
                return Some(answered);
            }
            if self.slots.is_empty() && !self.has_more {
                return None;
            }
            self.advance().await;
        }
    }

    /// The run as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Answered> {
        stream::unfold(self, |mut answers| async move { answers.next().await.map(|next| (next, answers)) })
    }

    /// Collects finished questions and asks new ones up to the limit, without waiting.
    ///
    /// At most `max` questions are taken, so that a caller gets its answers also while the journal knows them all.
    fn top_up(&mut self) {
        while let Some(ended) = self.running.try_join_next_with_id() {
            self.finish(ended);
        }
        for _ in 0..self.max {
            if !self.has_room() {
                break;
            }
            match self.questions.next().now_or_never() {
                Some(question) => self.take(question),
                None => break,
            }
        }
    }

    fn has_room(&self) -> bool {
        self.has_more && self.running.len() < self.max
    }

    /// Waits for a question or for an answer.
    async fn advance(&mut self) {
        let has_room = self.has_room();
        let next = {
            let question = async { if has_room { self.questions.next().await } else { pending().await } };
            let ended = async {
                match self.running.join_next_with_id().await {
                    Some(ended) => ended,
                    None => pending().await,
                }
            };
            match select(pin!(question), pin!(ended)).await {
                Either::Left((question, _)) => Either::Left(question),
                Either::Right((ended, _)) => Either::Right(ended),
            }
        };
        match next {
            Either::Left(question) => self.take(question),
            Either::Right(ended) => self.finish(ended),
        }
    }

    fn take(&mut self, question: Option<Question>) {
        let Some(question) = question else {
            self.has_more = false;
            return;
        };
        let slot = self.slot(question);
        self.slots.push_back(slot);
    }

    fn slot(&mut self, question: Question) -> Slot {
        let index = self.first + self.slots.len() as u64;
        let key = match QuestionKey::of(self.client.chat.model(), &question) {
            Ok(key) => key,
            Err(error) => return Slot::Lost { key: None, error: Box::new(AskError::Invalid(error)) },
        };
        if let Some(place) = self.client.book.known(&key, self.client.keeps_rejections) {
            return Slot::Kept { key, place, from_journal: true };
        }
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.push(index);
            return Slot::UnderWay;
        }
        match start(&self.client, key, question) {
            Ok((task, runtime)) => {
                let task = self.running.spawn_on(task, &runtime);
                self.asking.insert(task.id(), key);
                self.waiting.insert(key, vec![index]);
                Slot::UnderWay
            }
            Err(error) => Slot::Lost { key: Some(key), error: Box::new(error) },
        }
    }

    fn finish(&mut self, ended: Ended) {
        let (task, outcome) = match ended {
            Ok((task, outcome)) => (task, outcome),
            Err(error) => (error.id(), Err(broken_off(error))),
        };
        let Some(key) = self.asking.remove(&task) else { return };
        for index in self.waiting.remove(&key).unwrap_or_default() {
            let slot = match &outcome {
                Ok(place) => Slot::Kept { key, place: *place, from_journal: false },
                Err(error) => Slot::Lost { key: Some(key), error: Box::new(error.clone()) },
            };
            // A slot stays until it is finished, so it is there.
            let position = usize::try_from(index - self.first).ok();
            if let Some(place) = position.and_then(|position| self.slots.get_mut(position)) {
                *place = slot;
            }
        }
    }

    fn take_first(&mut self) -> Option<Answered> {
        if matches!(self.slots.front()?, Slot::UnderWay) {
            return None;
        }
        let index = self.first;
        self.first += 1;
        let (key, outcome) = match self.slots.pop_front()? {
            Slot::UnderWay => return None,
            Slot::Lost { key, error } => (key, Err(*error)),
            Slot::Kept { key, place, from_journal } => {
                (Some(key), read(&self.client, key, place, from_journal))
            }
        };
        Some(Answered { index, key, outcome })
    }
}

/// Enters a question and makes the task that asks it.
fn start(
    client: &JournaledClient,
    key: QuestionKey,
    question: Question,
) -> Result<(impl Future<Output = Result<Location, AskError>> + Send + 'static, Handle), AskError> {
    let runtime = Handle::try_current().map_err(|_| AskError::NoRuntime)?;
    if let Some(reason) = client.given_up() {
        return Err(AskError::GivenUp { reason });
    }
    if client.book.stop.is_stopped() {
        return Err(AskError::Stopped);
    }
    let Question { tag, request } = question;
    let entry = client.book.enter(key, tag)?;
    let (chat, keeps_rejections) = (Arc::clone(&client.chat), client.keeps_rejections);
    let task = async move {
        let result = chat.chat(&request).await;
        entry.finish(chat.model(), result, keeps_rejections)
    };
    Ok((task, runtime))
}

/// Why a task has no outcome: it panicked, or its runtime is gone.
fn broken_off(error: JoinError) -> AskError {
    let Ok(payload) = error.try_into_panic() else { return AskError::NoRuntime };
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    AskError::Panicked { message: text.unwrap_or("no message").to_owned() }
}

fn read(
    client: &JournaledClient,
    key: QuestionKey,
    place: Location,
    from_journal: bool,
) -> Result<Answer, AskError> {
    let journal = &client.book.journal;
    let answer = Answer::of(journal.read(&key, place)?, from_journal);
    answer.unwrap_or_else(|| Err(journal.changed(place).into()))
}

/// One question alone.
pub(super) async fn ask_one(client: &JournaledClient, question: Question) -> Result<Answer, AskError> {
    let mut answers = client.ask_each([question], 1);
    match answers.next().await {
        Some(answered) => answered.outcome,
        // One question has one answer.
        None => Err(AskError::Stopped),
    }
}
