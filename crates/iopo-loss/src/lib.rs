//! Preference losses on burn: SFT, DPO, SimPO, ORPO, IOPO and its variants.
