//! A local endpoint with a model that answers by rule, and with faults.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chat_client::testing::{Action, Request, ScriptedServer};
use trace_synthesis::testing::{Slips, WorldModel};

/// What the endpoint does wrong before it answers.
#[derive(Clone, Copy, PartialEq)]
pub enum Faults {
    None,
    /// One request in ten is met with an error the first time: a status, a cut body, a body that is no JSON.
    Some,
}

/// The endpoint, and what it has answered.
pub struct Endpoint {
    pub server: ScriptedServer,
    pub model: Arc<WorldModel>,
    answered: Arc<Mutex<HashMap<Vec<u8>, u32>>>,
    arrivals: Arc<Mutex<Vec<Instant>>>,
}

impl Endpoint {
    pub fn start(slips: Slips, faults: Faults, delay: Duration) -> Self {
        let model = Arc::new(WorldModel::new(slips));
        let answered: Arc<Mutex<HashMap<Vec<u8>, u32>>> = Arc::default();
        let arrivals: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let server = ScriptedServer::start({
            let (model, answered, arrivals) =
                (Arc::clone(&model), Arc::clone(&answered), Arc::clone(&arrivals));
            move |request, attempt| {
                arrivals.lock().unwrap().push(Instant::now());
                if let Some(fault) =
                    (faults == Faults::Some && attempt == 1).then(|| fault(request)).flatten()
                {
                    return fault;
                }
                *answered.lock().unwrap().entry(request.body.clone()).or_default() += 1;
                let seed = request.json()["seed"].as_u64().unwrap();
                let answer = Action::answer(model.answer_to(&request.question(), seed));
                if delay.is_zero() { answer } else { answer.after(delay) }
            }
        });
        Self { server: server.unwrap(), model, answered, arrivals }
    }

    /// How many answers were given to questions that had one already.
    pub fn answered_again(&self) -> u32 {
        self.answered.lock().unwrap().values().map(|times| times - 1).sum()
    }

    /// How many questions had an answer.
    pub fn answered(&self) -> usize {
        self.answered.lock().unwrap().len()
    }

    /// When requests came.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.arrivals.lock().unwrap().clone()
    }
}

/// The same requests fail in every run, told by a sum over their bytes.
fn fault(request: &Request) -> Option<Action> {
    let sum = request.body.iter().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    match sum % 50 {
        0 => Some(Action::retry_after("0")),
        1 => Some(Action::status(500)),
        2 => Some(Action::Cut(25)),
        3 => Some(Action::Status { status: 200, headers: Vec::new(), body: "{\"choices\": [".to_owned() }),
        4 => Some(Action::Close),
        _ => None,
    }
}
