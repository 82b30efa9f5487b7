//! motmot-store
