//! motmot-archive
