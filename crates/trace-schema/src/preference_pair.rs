//! A preference pair: one instruction, a better and a worse response.

use serde::{Deserialize, Serialize};

use crate::record::{check_id, check_response};
use crate::{Instruction, Provenance, Record, RowError, UnknownLabels};

/// One instruction with a response to prefer and a response to avoid, as DPO takes it.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix C.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferencePair {
    /// Unique within the file.
    pub id: String,
    /// The paper's x.
    pub instruction: Instruction,
    /// The better response, the paper's y_w.
    pub chosen: String,
    /// The worse response, the paper's y_l.
    pub rejected: String,
    /// How the row was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl Record for PreferencePair {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, unknown_labels: UnknownLabels) -> Result<(), RowError> {
        check_id(&self.id)?;
        self.instruction.validate("instruction", unknown_labels)?;
        check_response("chosen", &self.chosen)?;
        check_response("rejected", &self.rejected)?;
        if self.chosen == self.rejected {
            return Err(RowError::IdenticalResponses {
                first: "chosen".to_owned(),
                second: "rejected".to_owned(),
            });
        }
        Ok(())
    }
}
