//! motmot-wire
