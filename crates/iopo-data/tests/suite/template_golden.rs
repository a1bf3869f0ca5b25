//! The fixed templates against token ids recorded from the paper's trainer.

use iopo_data::{Message, Template};

use crate::common;

#[test]
fn every_recorded_case_has_the_recorded_ids() {
    let cases = common::golden_json("template_cases.json");
    let cases = cases.as_array().unwrap();
    for case in cases {
        let template = Template::from_name(case["template"].as_str()).unwrap();
        let encoder = common::encoder(case["model"].as_str().unwrap(), template);
        let system = case.get("system").map(|text| Message::system(text.as_str().unwrap()));
        let user = Message::user(case["user"].as_str().unwrap());
        let messages: Vec<Message> = system.into_iter().chain([user]).collect();
        let sequence = encoder.encode(&messages, case["assistant"].as_str().unwrap()).unwrap();
        assert_eq!(sequence.prompt, common::ids(&case["prompt_ids"]), "prompt of {case}");
        assert_eq!(sequence.completion, common::ids(&case["response_ids"]), "response of {case}");
    }
    assert_eq!(cases.len(), 20);
}
